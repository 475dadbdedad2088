// What a reload cannot change. That the rest does change is seen from outside: tests/integration/test_reload.py.
#include <gtest/gtest.h>

#include "support.hpp"

namespace mqttproxy::config {
namespace {

std::string proxy(const std::string& name, const std::string& port = "1883") {
  return "---\nkind: MQTTProxy\nname: " + name + "\nport: " + port +
         "\nrules:\n- {when: {packetType: Publish}, pipeline: p}\n- {when: {packetType: Connect}, pipeline: p}\n";
}

const std::string kPipeline = "---\nkind: Pipeline\nname: p\nfilters: []\n";
const std::string kKafka = "kind: Node\ndownlink: {mode: kafka, backend: [\"a:1\"]}\n";

/// The errors of `next` beside a daemon that runs on `running`.
std::string problems(const std::string& running, const std::string& next) {
  const auto before = test::load_text(running + kPipeline);
  auto after = test::load_text(next + kPipeline);
  EXPECT_TRUE(before.config && after.config) << before.errors << after.errors;
  const bool fits = check_reload(*before.config, *after.config);
  EXPECT_EQ(fits, after.config->diagnostics->ok());
  std::string text;
  for (const Problem& problem : after.config->diagnostics->errors()) {
    text += std::to_string(problem.mark.line) + ": " + problem.path + "\n";
  }
  return text;
}

TEST(CheckReload, what_only_workers_and_the_api_look_at_may_change) {
  EXPECT_EQ(problems("kind: Node\n" + proxy("m"),
                     "kind: Node\nlimits: {maxPacketSize: 1KiB, sessionQueueMessages: 7, maxTopicLevels: 9}\n"
                     "log: {level: error}\napi: {token: t, maxBodySize: 1KiB}\n" +
                         proxy("m")),
            "");
}

TEST(CheckReload, with_sessions_in_kafka_some_limits_stay) {
  EXPECT_EQ(problems(kKafka + proxy("m"),
                     kKafka +
                         "limits:\n  maxPacketSize: 1KiB\n  sessionQueueMessages: 7\n  sessionQueueFull: dropNewest\n"
                         "  maxTopicLength: 9\n  maxTopicLevels: 9\n" +
                         proxy("m")),
            "7: Node mqttproxy: limits.maxTopicLength\n8: Node mqttproxy: limits.maxTopicLevels\n"
            "5: Node mqttproxy: limits.sessionQueueMessages\n6: Node mqttproxy: limits.sessionQueueFull\n");
}

TEST(CheckReload, everything_about_the_downlink_stays) {
  const std::string other =
      "kind: Node\ndownlink:\n  mode: kafka\n  backend: [\"b:1\"]\n  topic: other\n  sessionsTopic: others\n"
      "  partitions: 3\n  sessionsPartitions: 3\n  replicationFactor: 3\n  retention: 1h\n  createTopics: false\n"
      "  publishTimeout: 1s\n  memory: 1MiB\n  properties: {debug: broker}\n";
  EXPECT_EQ(problems(kKafka + proxy("m"), other + proxy("m")),
            "4: Node mqttproxy: downlink.backend\n5: Node mqttproxy: downlink.topic\n"
            "6: Node mqttproxy: downlink.sessionsTopic\n14: Node mqttproxy: downlink.properties\n"
            "7: Node mqttproxy: downlink.partitions\n8: Node mqttproxy: downlink.sessionsPartitions\n"
            "9: Node mqttproxy: downlink.replicationFactor\n10: Node mqttproxy: downlink.retention\n"
            "11: Node mqttproxy: downlink.createTopics\n12: Node mqttproxy: downlink.publishTimeout\n"
            "13: Node mqttproxy: downlink.memory\n");
}

TEST(CheckReload, a_key_that_is_gone_is_reported_at_its_map) {
  EXPECT_EQ(
      problems("kind: Node\nlog: {format: json}\n" + proxy("m"), "kind: Node\nlog:\n  level: info\n" + proxy("m")),
      "2: Node mqttproxy: log.format\n");
  EXPECT_EQ(problems("kind: Node\nthreads: 2\n" + proxy("m"), proxy("m").substr(4)), "0: Node mqttproxy: threads\n");
}

TEST(CheckReload, proxies_come_in_the_order_of_the_running_ones) {
  const auto running = test::load_text(proxy("a", "1").substr(4) + proxy("b", "2") + kPipeline);
  auto next = test::load_text(proxy("b", "2").substr(4) + proxy("a", "1") + kPipeline);
  ASSERT_TRUE(running.config && next.config);
  EXPECT_TRUE(check_reload(*running.config, *next.config));
  EXPECT_EQ(next.config->proxies.at(0).name, "a");
  EXPECT_EQ(next.config->proxies.at(1).name, "b");
}

}  // namespace
}  // namespace mqttproxy::config
