#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "mqttproxy/downlink/kafka_bus.hpp"

namespace mqttproxy::downlink {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;

struct Read {
  KafkaBusOptions options;
  std::string errors;
};

Read read(const std::string& downlink) {
  const auto file = std::filesystem::temp_directory_path() / ("mqttproxy-bus-" + std::to_string(getpid()) + ".yaml");
  std::ofstream(file) << "kind: Node\ndownlink: {mode: kafka, " + downlink +
                             "}\n"
                             "limits: {maxTopicLength: 100, maxTopicLevels: 7}\n---\n"
                             "kind: MQTTProxy\nname: one\nport: 1883\n"
                             "rules: [{when: {packetType: Publish}, pipeline: p}]\n---\n"
                             "kind: Pipeline\nname: p\nfilters: [{name: f, kind: F}]\n";
  const auto diagnostics = std::make_shared<config::Diagnostics>("f");
  const auto config = config::load_for_check(file, diagnostics);
  std::filesystem::remove(file);
  if (!config) return {{}, diagnostics->format_errors()};
  KafkaBusOptions options = read_kafka_bus(*config);
  return {std::move(options), diagnostics->format_errors()};
}

TEST(KafkaBusOptions, Defaults) {
  const auto [options, errors] = read("backend: [embedded]");
  EXPECT_EQ(errors, "");
  EXPECT_THAT(options.backends, ElementsAre("embedded"));
  EXPECT_EQ(options.topic, (kafka::TopicPlan{"mqttproxy-downlink", true, {}, {}, {}}));
  EXPECT_EQ(options.publish_timeout, 10s);
  EXPECT_EQ(options.max_queue_messages, 100'000U);
  EXPECT_EQ(options.max_queue_bytes, 64U << 20U);
  EXPECT_THAT(options.rules.proxies, ElementsAre("one"));
  EXPECT_EQ(options.rules.max_topic_bytes, 100U);
  EXPECT_EQ(options.rules.max_topic_levels, 7U);
}

TEST(KafkaBusOptions, EveryKeyArrives) {
  const auto [options, errors] = read(
      "backend: [\"k1:9092\", \"k2:9092\"], topic: down, partitions: 6, replicationFactor: 3, retention: 2h,\n"
      "  createTopics: false, publishTimeout: 3s, queue: {maxMessages: 9, maxBytes: 2KiB},\n"
      "  properties: {fetch.wait.max.ms: 100, linger.ms: 5, isolation.level: read_uncommitted}");
  EXPECT_EQ(errors, "");
  EXPECT_THAT(options.backends, ElementsAre("k1:9092", "k2:9092"));
  EXPECT_EQ(options.topic, (kafka::TopicPlan{"down", false, 6, 3, 2h}));
  EXPECT_EQ(options.publish_timeout, 3s);
  EXPECT_EQ(options.max_queue_messages, 9U);
  EXPECT_EQ(options.max_queue_bytes, 2'048U);
  EXPECT_THAT(options.properties, ElementsAre(Pair("fetch.wait.max.ms", "100"), Pair("linger.ms", "5"),
                                              Pair("isolation.level", "read_uncommitted")));
}

TEST(KafkaBusOptions, BackendsAreHostAndPort) {
  EXPECT_THAT(read("backend: [kafka]").errors, HasSubstr("downlink.backend: backend \"kafka\": must be host:port"));
  EXPECT_THAT(read("backend: []").errors, HasSubstr("downlink.backend: no backend"));
  EXPECT_THAT(read("backend: [embedded, \"k:1\"]").errors, HasSubstr("cannot stand beside others"));
  EXPECT_THAT(read("backend: x").errors, HasSubstr("downlink.backend: expected a list"));
}

TEST(KafkaBusOptions, TheTopicMustBeLegal) {
  EXPECT_THAT(read("backend: [embedded], topic: a/b").errors, HasSubstr("downlink.topic: a Kafka topic is 1 to 249"));
}

TEST(KafkaBusOptions, PropertiesThatBreakPromisesAreRefused) {
  const std::string errors =
      read(
          "backend: [embedded], properties: {acks: 1, group.id: g, auto.offset.reset: latest,\n"
          "  enable.partition.eof: true, message.timeout.ms: 5, test.mock.num.brokers: 1, linger.ms: hunter2}")
          .errors;
  EXPECT_THAT(errors, HasSubstr("downlink.properties.acks: must be all"));
  EXPECT_THAT(errors, HasSubstr("downlink.properties.group.id: not allowed here: every node reads every partition"));
  EXPECT_THAT(errors, HasSubstr("downlink.properties.auto.offset.reset: not allowed here: positions"));
  EXPECT_THAT(errors, HasSubstr("downlink.properties.enable.partition.eof: not allowed here"));
  EXPECT_THAT(errors, HasSubstr("downlink.properties.message.timeout.ms: not allowed here: use publishTimeout"));
  EXPECT_THAT(errors, HasSubstr("downlink.properties.test.mock.num.brokers"));
  EXPECT_THAT(errors, HasSubstr("downlink.properties.linger.ms"));
  EXPECT_THAT(errors, Not(HasSubstr("hunter2")));
}

TEST(KafkaBusOptions, PropertiesThatDoNotGoTogetherAreRefused) {
  EXPECT_THAT(read("backend: [embedded], publishTimeout: 100ms, properties: {linger.ms: 200}").errors,
              HasSubstr("downlink.properties: "));
  EXPECT_THAT(read("backend: [embedded], properties: {fetch.max.bytes: 1000}").errors,
              HasSubstr("downlink.properties: "));
}

}  // namespace
}  // namespace mqttproxy::downlink
