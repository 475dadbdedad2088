// One pipeline of real filters between packets the test makes and Kafkas that remember.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "mqttproxy/filters/register.hpp"
#include "mqttproxy/pipeline/pipeline.hpp"

#include "../pipeline/pipeline_yaml.hpp"
#include "recording_sink.hpp"

namespace mqttproxy::test {

/// Kind Setter: sets text `t` = "123", text `p` = "payload of p" and headers `h` = {1: a, username: forged}.
class SetterFilter final : public pipeline::Filter {
 public:
  explicit SetterFilter(pipeline::SlotTable& slots)
      : topic_(slots.slot("t")), payload_(slots.slot("p")), headers_(slots.slot("h")) {}
  pipeline::FilterResult handle(pipeline::Context& context) noexcept override {
    context.set_text(topic_, "123");
    context.set_text(payload_, "payload of p");
    context.reset_headers(headers_).assign({{"1", "a"}, {"username", "forged"}});
    return pipeline::kSuccess;
  }

 private:
  pipeline::Slot topic_;
  pipeline::Slot payload_;
  pipeline::Slot headers_;
};

class FilterBench {
 public:
  FilterBench() {
    filters::register_all(registry,
                          {[this](const kafka::ProducerOptions& wanted) -> std::shared_ptr<kafka::RecordSink> {
                            if (!sink_problem.empty()) throw std::runtime_error(sink_problem);
                            options.push_back(wanted);
                            return {std::shared_ptr<void>(), &sinks[wanted.name]};
                          }});
    registry.add({"Setter", {""}, [](const pipeline::FilterBuild& build) {
                    return std::make_unique<SetterFilter>(build.slots);
                  }});
  }

  /// Builds from `yaml`; what is wrong is in document.errors().
  bool load(const std::string& yaml) {
    document = read_pipeline(yaml);
    pipeline = pipeline::build(document.pipeline, registry);
    return pipeline != nullptr;
  }

  pipeline::RunState publish(const mqtt::Publish& packet) {
    begin(mqtt::PacketType::Publish);
    context.publish = &packet;
    return pipeline->run(context);
  }
  pipeline::RunState publish(std::string_view topic, std::string_view payload = "text") {
    return publish(mqtt::Publish{.topic = topic, .payload = payload});
  }
  /// The same packet again after it was blocked, as a connection does it.
  pipeline::RunState publish_again(const mqtt::Publish& packet) {
    pipeline::Context::Memory memory = std::move(context.memory);
    begin(mqtt::PacketType::Publish);
    context.publish = &packet;
    context.memory = std::move(memory);
    return pipeline->run(context);
  }

  void begin(mqtt::PacketType type) {
    context.begin(type, client);
    context.token = kToken;
  }

  static constexpr std::uint64_t kToken = 42;

  std::string sink_problem;
  std::map<std::string, RecordingSink> sinks;   // by filter
  std::vector<kafka::ProducerOptions> options;  // as asked for
  pipeline::FilterRegistry registry;
  PipelineDocument document;
  std::unique_ptr<pipeline::Pipeline> pipeline;
  pipeline::Context context;
  pipeline::Client client{"test", "user123", "192.0.2.1:50123", "proxy"};
};

}  // namespace mqttproxy::test
