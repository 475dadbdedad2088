// The packet path allocates nothing once its buffers have grown.
#include <gtest/gtest.h>

#include "../mqtt/counting_new.hpp"
#include "filter_bench.hpp"
#include "mapper_documents.hpp"

namespace mqttproxy::filters {
namespace {

class Allocation : public testing::Test {
 protected:
  void load(const std::string& yaml) {
    ASSERT_TRUE(bench_.load(yaml)) << bench_.document.errors();
    bench_.sinks["kafka"].keeps = false;
  }

  /// Allocations of publishing every topic once, after a first round.
  std::size_t allocations_of(const std::vector<std::string_view>& topics) {
    for (const std::string_view topic : topics) publish(topic);
    const std::size_t before = mqtt::test::allocations();
    for (const std::string_view topic : topics) publish(topic);
    return mqtt::test::allocations() - before;
  }

  void publish(std::string_view topic) {
    bench_.publish(mqtt::Publish{.topic = topic, .payload = "payload", .qos = mqtt::Qos::AtLeastOnce, .retain = true});
  }

  test::FilterBench bench_;
};

TEST_F(Allocation, TheCounterCounts) {
  const std::size_t before = mqtt::test::allocations();
  const std::string text(1'000, 'x');
  EXPECT_GT(mqtt::test::allocations(), before);
  EXPECT_EQ(text.size(), 1'000U);
}

TEST_F(Allocation, MappedMessagesAllocateNothing) {
  load(test::published_mapper(2, R"(- name: kafka
  kind: Kafka
  backend: ["127.0.0.1:9092"]
  mqtt: {topicKey: topic, headerKey: headers}
  key: "%u of a long enough name/%c"
)"));
  EXPECT_EQ(allocations_of({"gateway/gate123/iphone/log", "direct/tv/status", "/gateway/g/xiaomi/a/b/c/d/e/f"}), 0U);
  EXPECT_EQ(bench_.sinks["kafka"].produced, 6U);
}

TEST_F(Allocation, RegularExpressionsAllocateNothing) {
  load(R"(filters:
- name: mapper
  kind: TopicMapper
  setKV: {topic: topic, headers: headers}
  route: [{name: p, matchExpr: "^(g2s|d2s)$"}]
  policies: [{name: p, topicIndex: 1, route: [{topic: t, exprs: ["i[pP]hone.+", "\\d+"]}], headers: {0: a, 1: b}}]
)" + test::kMapperKafka);
  EXPECT_EQ(allocations_of({"g2s/iphone7", "d2s/1234567", "d2s/my iPhone 12 of a rather long name"}), 0U);
  EXPECT_EQ(bench_.sinks["kafka"].produced, 6U);
}

TEST_F(Allocation, TopicsNamedByDevicesAllocateOnceEach) {
  load("filters:\n" + test::kMapperKafka);
  EXPECT_EQ(allocations_of({"a/rather/long/topic/name/of/a/device/1", "a/rather/long/topic/name/of/a/device/2"}), 0U);
  EXPECT_EQ(bench_.sinks["kafka"].produced, 4U);
}

TEST_F(Allocation, RulesWithPlaceholdersAllocateNothing) {
  load(R"(filters:
- name: acl
  kind: ACL
  rules:
  - {deny: all, topics: ["a/rather/long/topic/%c/of/%u/secret/#"]}
  - {allow: all, topics: ["+/+/%c/#"], users: [user123]}
)" + test::kMapperKafka);
  EXPECT_EQ(allocations_of({"gateway/of/test/log", "somebody/else/is/not/allowed"}), 0U);
  EXPECT_EQ(bench_.sinks["kafka"].produced, 2U);
}

TEST_F(Allocation, RefusedMessagesAllocateNothing) {
  load(test::published_mapper(2));
  EXPECT_EQ(allocations_of({"unknown/topic", "gateway"}), 0U);
  EXPECT_EQ(bench_.sinks["kafka"].produced, 0U);
}

}  // namespace
}  // namespace mqttproxy::filters
