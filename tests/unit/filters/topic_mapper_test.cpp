#include <gtest/gtest.h>

#include "filter_bench.hpp"
#include "mapper_documents.hpp"

namespace mqttproxy::filters {
namespace {

using pipeline::Action;
using pipeline::RunState;
using test::HeaderList;

struct Vector {
  const char* mqtt_topic;
  const char* kafka_topic;  // nullptr: MQTTTopicMapFailed
  HeaderList headers;
};

void expect_mapping(const std::string& yaml, const std::vector<Vector>& vectors) {
  test::FilterBench bench;
  ASSERT_TRUE(bench.load(yaml)) << bench.document.errors();
  test::RecordingSink& sink = bench.sinks["kafka"];
  for (const Vector& vector : vectors) {
    SCOPED_TRACE(vector.mqtt_topic);
    sink.records.clear();
    EXPECT_EQ(bench.publish(vector.mqtt_topic), RunState::Finished);
    if (vector.kafka_topic == nullptr) {
      EXPECT_TRUE(sink.records.empty());
      EXPECT_EQ(bench.context.action(), Action::Disconnect);
      EXPECT_EQ(bench.context.reason(), "no topic mapping");
      continue;
    }
    ASSERT_EQ(sink.records.size(), 1U);
    EXPECT_EQ(sink.records[0].topic, vector.kafka_topic);
    EXPECT_EQ(sink.records[0].headers, vector.headers);
    EXPECT_EQ(bench.context.action(), Action::None);
    EXPECT_EQ(bench.context.records, 1U);
  }
}

TEST(TopicMapper, MapsTheVectorsOfM1) {
  expect_mapping(
      test::kMapperM1,
      {
          {"/d2s/abc/phone/123/log/error",
           "to_cloud",
           {{"d2s", "d2s"},
            {"tenant", "abc"},
            {"device_type", "phone"},
            {"things_id", "123"},
            {"event", "log"},
            {"eventName", "error"}}},
          {"/d2s/xyz/tv/234/status/shutdown",
           "to_cloud",
           {{"d2s", "d2s"},
            {"tenant", "xyz"},
            {"device_type", "tv"},
            {"things_id", "234"},
            {"event", "status"},
            {"eventName", "shutdown"}}},
          {"/d2s/opq/car/345/raw",
           "to_raw",
           {{"d2s", "d2s"}, {"tenant", "opq"}, {"device_type", "car"}, {"things_id", "345"}, {"event", "raw"}}},
          {"/g2s/gwTenantId/gwInfoModelId/gwThingsId/d2s/tenantId/infoModelId/thingsId/data",
           "to_cloud",
           {{"g2s", "g2s"},
            {"gwTenantId", "gwTenantId"},
            {"gwInfoModelId", "gwInfoModelId"},
            {"gwThingsId", "gwThingsId"},
            {"d2s", "d2s"},
            {"tenantId", "tenantId"},
            {"infoModelId", "infoModelId"},
            {"thingsId", "thingsId"},
            {"event", "data"}}},
          {"/g2s/gw123/gwInfo234/gwID345/d2s/456/654/123/raw",
           "to_raw",
           {{"g2s", "g2s"},
            {"gwTenantId", "gw123"},
            {"gwInfoModelId", "gwInfo234"},
            {"gwThingsId", "gwID345"},
            {"d2s", "d2s"},
            {"tenantId", "456"},
            {"infoModelId", "654"},
            {"thingsId", "123"},
            {"event", "raw"}}},
          {"/not-work", nullptr, {}},
      });
}

TEST(TopicMapper, MapsTheVectorsOfM2) {
  expect_mapping(
      test::kMapperM2,
      {
          {"/level0", nullptr, {}},      // shorter than matchIndex
          {"nothing/g2s", nullptr, {}},  // shorter than topicIndex
          {"nothing/d2s/tenant/device_type/things_id/notexist", nullptr, {}},
          {"x/d2s/abc/phone/123/log",
           "to_cloud",
           {{"d2s", "d2s"}, {"tenant", "abc"}, {"device_type", "phone"}, {"things_id", "123"}, {"event", "log"}}},
      });
}

TEST(TopicMapper, MapsThePublishedExampleByItsOwnRules) {
  const HeaderList gateway = {
      {"gateway", "gateway"}, {"gatewayID", "gate123"}, {"device", "iphone"}, {"status", "log"}};
  expect_mapping(
      test::published_mapper(3),
      {
          {"gateway/gate123/iphone/log", "iot_other", gateway},
          {"/gateway/gate123/iphone/log", "iot_other", gateway},
          {"direct/xiaomi/status", "iot_phone", {{"direct", "direct"}, {"device", "xiaomi"}, {"status", "status"}}},
          {"direct/tv/log", "iot_other", {{"direct", "direct"}, {"device", "tv"}, {"status", "log"}}},
          {"direct/myiphone7", "iot_phone", {{"direct", "direct"}, {"device", "myiphone7"}}},
          {"direct", nullptr, {}},
          {"gateway/g/iphone", nullptr, {}},
          {"other/x/y", nullptr, {}},
          {"navigator/a/b/c",
           "iot_other",
           {{"gateway", "navigator"}, {"gatewayID", "a"}, {"device", "b"}, {"status", "c"}}},
          {"//direct/iphone", nullptr, {}},
          {"", nullptr, {}},
      });
}

TEST(TopicMapper, MapsThePublishedExampleAsThePageSays) {
  expect_mapping(test::published_mapper(2),
                 {
                     {"gateway/gate123/iphone/log",
                      "iot_phone",
                      {{"gateway", "gateway"}, {"gatewayID", "gate123"}, {"device", "iphone"}, {"status", "log"}}},
                     {"gateway/g/tv/log",
                      "iot_other",
                      {{"gateway", "gateway"}, {"gatewayID", "g"}, {"device", "tv"}, {"status", "log"}}},
                 });
}

TEST(TopicMapper, EmptyLevelsCountButForOneLeadingSlash) {
  const std::string yaml = R"(filters:
- name: mapper
  kind: TopicMapper
  setKV: {topic: topic, headers: headers}
  route: [{name: p, matchExpr: ""}]
  policies:
  - name: p
    route: [{topic: t, exprs: [""]}]
    headers: {2: c, 0: a, 1: b}
)" + test::kMapperKafka;
  expect_mapping(yaml, {
                           {"x/", "t", {{"a", "x"}, {"b", ""}}},
                           {"/", "t", {{"a", ""}}},
                           {"//", "t", {{"a", ""}, {"b", ""}}},
                           {"/x//y/z", "t", {{"a", "x"}, {"b", ""}, {"c", "y"}}},
                           {"", nullptr, {}},
                       });
}

TEST(TopicMapper, FirstMatchWins) {
  const std::string yaml = R"(filters:
- name: mapper
  kind: TopicMapper
  setKV: {topic: topic}
  route:
  - {name: one, matchExpr: "a"}
  - {name: two, matchExpr: "ab"}
  policies:
  - name: two
    topicIndex: 1
    route: [{topic: never, exprs: [".*"]}]
  - name: one
    topicIndex: 1
    route:
    - {topic: first, exprs: ["x$", "y"]}
    - {topic: second, exprs: ["xy", "z"]}
)" + test::kMapperKafka;
  expect_mapping(yaml, {
                           {"ab/xyx", "first", {}},
                           {"ab/xz", "second", {}},
                           {"ab/zx", "first", {}},
                           {"ab/zxz", "second", {}},
                       });
}

/// As Easegress pools them: the expressions of a topic named twice count where it stands first.
TEST(TopicMapper, TopicNamedTwiceCountsAtItsFirstPlace) {
  const std::string yaml = R"(filters:
- name: mapper
  kind: TopicMapper
  setKV: {topic: topic}
  route: [{name: p, matchExpr: ""}]
  policies:
  - name: p
    route:
    - {topic: a, exprs: [x]}
    - {topic: b, exprs: [".*"]}
    - {topic: a, exprs: [z]}
)" + test::kMapperKafka;
  expect_mapping(yaml, {{"z", "a", {}}, {"x", "a", {}}, {"y", "b", {}}});
}

TEST(TopicMapper, WithoutRouteAndPoliciesEverythingPassesUnmapped) {
  expect_mapping("filters:\n- {name: mapper, kind: TopicMapper}\n" + test::kMapperKafka,
                 {{"a/b", "a.b", {}}, {"c", "c", {}}});
  expect_mapping("filters:\n- {name: mapper, kind: TopicMapper, route: [], policies: []}\n" + test::kMapperKafka,
                 {{"a/b", "a.b", {}}});
}

TEST(TopicMapper, OtherPacketsPass) {
  test::FilterBench bench;
  ASSERT_TRUE(bench.load(test::kMapperM1));
  bench.begin(mqtt::PacketType::Subscribe);
  EXPECT_EQ(bench.pipeline->run(bench.context), RunState::Finished);
  EXPECT_EQ(bench.context.action(), Action::None);
}

std::string with_on_no_match(const std::string& choice, const std::string& kafka_keys) {
  return "filters:\n- {name: mapper, kind: TopicMapper, setKV: {topic: topic, headers: headers},\n"
         "   route: [{name: p, matchExpr: ^known$}],\n"
         "   policies: [{name: p, route: [{topic: mapped, exprs: ['']}], headers: {1: one}}]" +
         (choice.empty() ? "" : ", onNoMatch: " + choice) + "}\n" + test::kMapperKafka + kafka_keys;
}

class OnNoMatch : public testing::Test {
 protected:
  void publish_unknown(const std::string& yaml) {
    ASSERT_TRUE(bench_.load(yaml)) << bench_.document.errors();
    EXPECT_EQ(bench_.publish("unknown/x"), RunState::Finished);
  }
  std::vector<test::RecordedRecord>& records() { return bench_.sinks["kafka"].records; }
  test::FilterBench bench_;
};

TEST_F(OnNoMatch, DefaultTakesTheDefaultTopic) {
  publish_unknown(with_on_no_match("default", "  topic: {default: rest}\n"));
  ASSERT_EQ(records().size(), 1U);
  EXPECT_EQ(records()[0].topic, "rest");
  EXPECT_EQ(records()[0].headers, HeaderList{});
  EXPECT_EQ(bench_.context.action(), Action::None);
}

TEST_F(OnNoMatch, AbsentMeansDefaultWhereThereIsADefaultTopic) {
  publish_unknown(with_on_no_match("", "  topic: {default: rest}\n"));
  ASSERT_EQ(records().size(), 1U);
  EXPECT_EQ(records()[0].topic, "rest");
}

TEST_F(OnNoMatch, AbsentMeansDisconnectElsewhere) {
  publish_unknown(with_on_no_match("", ""));
  EXPECT_TRUE(records().empty());
  EXPECT_EQ(bench_.context.action(), Action::Disconnect);
  EXPECT_EQ(bench_.context.reason(), "no topic mapping");
}

TEST_F(OnNoMatch, DeadLetterSaysWhyAndWhatFrom) {
  publish_unknown(with_on_no_match("deadLetter", "  topic: {default: rest}\n  deadLetter: dead\n"));
  ASSERT_EQ(records().size(), 1U);
  EXPECT_EQ(records()[0].topic, "dead");
  EXPECT_EQ(records()[0].headers, (HeaderList{{"mqttTopic", "unknown/x"}, {"deadLetterReason", "no topic mapping"}}));
  EXPECT_EQ(bench_.context.action(), Action::None);
  EXPECT_EQ(bench_.context.records, 1U);
}

TEST_F(OnNoMatch, DeadLetterLeavesOtherKafkaFiltersAlone) {
  publish_unknown(with_on_no_match("deadLetter", "  deadLetter: dead\n") +
                  "- {name: other, kind: Kafka, backend: ['h:1'], topic: {default: rest}}\n");
  EXPECT_EQ(records().size(), 1U);
  EXPECT_TRUE(bench_.sinks["other"].records.empty());
  EXPECT_EQ(bench_.context.records, 1U);
}

TEST_F(OnNoMatch, DropEndsTheRunAndStoresNothing) {
  publish_unknown(with_on_no_match("drop", "  topic: {default: rest}\n"));
  EXPECT_TRUE(records().empty());
  EXPECT_EQ(bench_.context.action(), Action::Drop);
  EXPECT_EQ(bench_.context.reason(), "no topic mapping");
}

TEST_F(OnNoMatch, DisconnectWinsOverADefaultTopic) {
  publish_unknown(with_on_no_match("disconnect", "  topic: {default: rest}\n"));
  EXPECT_TRUE(records().empty());
  EXPECT_EQ(bench_.context.action(), Action::Disconnect);
}

TEST_F(OnNoMatch, JumpComesFirst) {
  publish_unknown(with_on_no_match("drop", "") +
                  "- {name: other, kind: Kafka, backend: ['h:1'], topic: {default: unmapped}, headers: []}\n"
                  "flow:\n"
                  "- {filter: mapper, jumpIf: {MQTTTopicMapFailed: other}}\n"
                  "- {filter: kafka, jumpIf: {'': END}}\n"
                  "- {filter: other}\n");
  EXPECT_TRUE(records().empty());
  ASSERT_EQ(bench_.sinks["other"].records.size(), 1U);
  EXPECT_EQ(bench_.sinks["other"].records[0].topic, "unmapped");
  EXPECT_EQ(bench_.context.action(), Action::None);
}

TEST(TopicMapper, TellsATraceWhatItDecided) {
  test::FilterBench bench;
  ASSERT_TRUE(bench.load(test::published_mapper(2)));
  std::vector<std::string> steps;
  bench.context.trace = [&steps](std::string_view filter, std::string_view step) {
    steps.push_back(std::string(filter) + ": " + std::string(step));
  };
  bench.publish("gateway/g/iphone/log");
  EXPECT_EQ(steps,
            (std::vector<std::string>{"mapper: route gate* to policy gateway", "mapper: Kafka topic iot_phone"}));
  steps.clear();
  bench.publish("gateway/g");
  EXPECT_EQ(steps, (std::vector<std::string>{"mapper: route gate* to policy gateway", "mapper: no Kafka topic",
                                             "mapper: onNoMatch disconnect"}));
  steps.clear();
  bench.publish("other");
  EXPECT_EQ(steps, (std::vector<std::string>{"mapper: no route", "mapper: onNoMatch disconnect"}));
}

}  // namespace
}  // namespace mqttproxy::filters
