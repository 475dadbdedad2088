// Pipelines as a configuration file has them, with a Kafka that takes every record and forgets it.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

#include <unistd.h>

#include "mqttproxy/config/config.hpp"
#include "mqttproxy/filters/register.hpp"
#include "mqttproxy/pipeline/pipeline.hpp"

#include "scenario.hpp"

namespace mqttproxy::bench::micro {

namespace {

constexpr std::uint64_t kTurns = 5'000;

constexpr const char* kConfig = R"(kind: MQTTProxy
name: micro
port: 1883
rules:
- {when: {packetType: Publish}, pipeline: mapped}
---
kind: Pipeline
name: mapped
protocol: MQTT
filters:
- name: mapper
  kind: TopicMapper
  matchIndex: 0
  route:
  - {name: gateway, matchExpr: "^gateway$"}
  - {name: direct, matchExpr: ".*"}
  setKV: {topic: topic, headers: headers}
  policies:
  - name: gateway
    topicIndex: 2
    route:
    - {topic: iot_phone, exprs: [iphone, xiaomi, oppo, pixel]}
    - {topic: iot_other, exprs: [".*"]}
    headers: {0: gateway, 1: gatewayID, 2: device, 3: status}
  - name: direct
    topicIndex: 0
    route:
    - {topic: iot_direct, exprs: [".*"]}
    headers: {0: device}
- name: kafka
  kind: Kafka
  backend: ["127.0.0.1:1"]
  topic: {default: plain}
  mqtt: {topicKey: topic, headerKey: headers}
---
kind: Pipeline
name: plain
protocol: MQTT
filters:
- name: kafka
  kind: Kafka
  backend: ["127.0.0.1:1"]
  topic: {default: plain}
---
kind: Pipeline
name: auth
protocol: MQTT
filters:
- name: auth
  kind: MQTTClientAuth
  salt: salt
  auth:
  - username: test
    saltedSha256Pass: 1bc1a361f17092bc7af4b2f82bf9194ea9ee2ca49eb2e53e39f555bc1eeaed74
)";

class ForgetfulSink final : public kafka::RecordSink {
 public:
  kafka::Topic* open_topic(std::string_view, kafka::TopicError&) override {
    // The type is the real producer's alone; nobody looks into a handle.
    return reinterpret_cast<kafka::Topic*>(this);
  }
  kafka::ProduceResult produce(const kafka::Record& record) noexcept override {
    bytes += record.value.size() + record.headers.size();
    return kafka::ProduceResult::Accepted;
  }
  std::uint64_t bytes = 0;
};

config::Config load() {
  const auto file = std::filesystem::temp_directory_path() / ("mqttproxy-micro-" + std::to_string(::getpid()));
  std::ofstream(file) << kConfig;
  const auto diagnostics = std::make_shared<config::Diagnostics>("micro.yaml");
  auto loaded = config::load(file, diagnostics);
  std::filesystem::remove(file);
  if (!loaded) throw std::runtime_error(diagnostics->format_errors());
  return std::move(*loaded);
}

/// What one worker has, for one pipeline.
struct World {
  explicit World(std::string_view name) : config(load()) {
    filters::register_all(registry, {[this](const kafka::ProducerOptions&) { return sink; }});
    for (const config::PipelineConfig& candidate : config.pipelines) {
      if (candidate.name == name) pipeline = pipeline::build(candidate, registry);
    }
    if (pipeline == nullptr) throw std::runtime_error(config.diagnostics->format_errors());
  }

  config::Config config;
  std::shared_ptr<ForgetfulSink> sink = std::make_shared<ForgetfulSink>();
  pipeline::FilterRegistry registry;
  std::unique_ptr<pipeline::Pipeline> pipeline;
  pipeline::Context context;
  pipeline::Client client{"device-0123456789", "test", "192.0.2.1:50123", "micro"};
};

Step publish_through(std::string_view name) {
  const auto world = std::make_shared<World>(name);
  return [world, payload = std::string(256, 'x')](std::uint64_t turn) {
    const mqtt::Publish packet{.topic = turn % 2 == 0 ? "gateway/gate123/iphone/log" : "gateway/gate123/nokia/log",
                               .payload = payload,
                               .packet_id = 7,
                               .qos = mqtt::Qos::AtLeastOnce};
    world->context.begin(mqtt::PacketType::Publish, world->client);
    world->context.publish = &packet;
    if (world->pipeline->run(world->context) != pipeline::RunState::Finished || world->context.records != 1) {
      throw std::runtime_error("the pipeline has stored nothing");
    }
    return world->sink->bytes;
  };
}

Step authenticate() {
  const auto world = std::make_shared<World>("auth");
  return [world](std::uint64_t) -> std::uint64_t {
    const mqtt::Connect packet{.client_id = "device-0123456789", .username = "test", .password = "test"};
    world->context.begin(mqtt::PacketType::Connect, world->client);
    world->context.connect = &packet;
    if (world->pipeline->run(world->context) != pipeline::RunState::Finished ||
        world->context.action() != pipeline::Action::None) {
      throw std::runtime_error("the pipeline refuses");
    }
    return 1;
  };
}

}  // namespace

std::vector<Scenario> filter_scenarios() {
  return {{"kafka_filter", kTurns, [] { return publish_through("plain"); }},
          {"topic_mapper_and_kafka_filter", kTurns, [] { return publish_through("mapped"); }},
          {"client_auth", kTurns, authenticate}};
}

}  // namespace mqttproxy::bench::micro
