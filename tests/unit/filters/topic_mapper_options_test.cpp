#include "filters/topic_mapper_options.hpp"

#include <gtest/gtest.h>

#include "config_case.hpp"

namespace mqttproxy::filters {
namespace {

TEST(TopicMapperOptions, ReadsHeaderKeysAsLevels) {
  const test::PipelineDocument document = test::read_pipeline(R"(filters:
- name: mapper
  kind: TopicMapper
  setKV: {topic: t, headers: h}
  matchIndex: 2
  route: [{name: g2s, matchExpr: x}, {name: d2s, matchExpr: y}]
  policies:
  - name: d2s
    topicIndex: 1
    route:
    - {topic: to_cloud, exprs: [bar, foo]}
    - {topic: to_raw, exprs: [".*"]}
    headers: {2: device, 0: d2s, 1: type}
  - name: g2s
    topicIndex: 4
    route: [{topic: to_raw, exprs: [raw]}]
    headers:
      0: g2s
      1: gateway
      2: info
      3: device
      4: type
)");
  const TopicMapperOptions options = read_topic_mapper(document.pipeline.filters[0].value);
  EXPECT_EQ(document.errors(), "");
  EXPECT_EQ(options.topic_key, "t");
  EXPECT_EQ(options.header_key, "h");
  EXPECT_EQ(options.match_index, 2U);
  ASSERT_EQ(options.policies.size(), 2U);
  EXPECT_EQ(options.policies[0].topic_index, 1U);
  ASSERT_EQ(options.policies[0].topics.size(), 2U);
  EXPECT_EQ(options.policies[0].topics[0].name, "to_cloud");
  EXPECT_EQ(options.policies[0].topics[0].expressions.size(), 2U);
  const std::vector<std::pair<std::size_t, std::string>> headers = {{0, "d2s"}, {1, "type"}, {2, "device"}};
  EXPECT_EQ(options.policies[0].headers, headers);
  EXPECT_EQ(options.policies[1].headers.size(), 5U);
  ASSERT_EQ(options.routes.size(), 2U);
  EXPECT_EQ(options.routes[0].policy, 1U);
  EXPECT_EQ(options.routes[1].policy, 0U);
}

class TopicMapperErrors : public testing::TestWithParam<test::ConfigCase> {};
TEST_P(TopicMapperErrors, AreReportedWithPlace) {
  test::expect_errors(GetParam());
}

const test::ConfigCase kErrors[] = {
    {"BadRegexInRouteAndPolicy", R"(filters:
- name: m
  kind: TopicMapper
  setKV: {topic: t}
  route:
  - name: p
    matchExpr: "]["
  policies:
  - name: p
    route:
    - topic: a
      exprs: [fine, "("]
)",
     "test.yaml:7:5: Pipeline p: filters[0].route[0].matchExpr: bad regular expression (RE2 syntax): missing ]: [\n"
     "test.yaml:12:21: Pipeline p: filters[0].policies[0].route[0].exprs[1]: bad regular expression (RE2 syntax): "
     "missing ): (\n"},
    {"NegativeIndexes", R"(filters:
- name: m
  kind: TopicMapper
  setKV: {topic: t}
  matchIndex: -1
  route: [{name: p, matchExpr: x}]
  policies:
  - name: p
    topicIndex: -2
    route: [{topic: a, exprs: [x]}]
    headers:
      -1: a
)",
     "test.yaml:5:3: Pipeline p: filters[0].matchIndex: expected a whole number from 0 to 65535, found \"-1\"\n"
     "test.yaml:9:5: Pipeline p: filters[0].policies[0].topicIndex: expected a whole number from 0 to 65535, found "
     "\"-2\"\n"
     "test.yaml:12:7: Pipeline p: filters[0].policies[0].headers.-1: the key of a header is the number of a topic "
     "level: 0, 1, 2 …\n"},
    {"UnknownPolicy", R"(filters:
- name: m
  kind: TopicMapper
  setKV: {topic: t}
  route:
  - name: gatewy
    matchExpr: x
  - name: gateway
    matchExpr: y
  policies: [{name: gateway, route: [{topic: a, exprs: [x]}]}]
)",
     "test.yaml:6:5: Pipeline p: filters[0].route[0].name: unknown policy gatewy; policies: gateway; did you mean "
     "gateway?\n"},
    {"RouteWithoutPolicies", R"(filters:
- name: m
  kind: TopicMapper
  route:
  - {name: gateway, matchExpr: x}
)",
     "test.yaml:5:6: Pipeline p: filters[0].route[0].name: unknown policy gateway; there are none\n"},
    {"PoliciesWithoutRoute", R"(filters:
- name: m
  kind: TopicMapper
  setKV: {topic: t}
  policies: [{name: p, route: [{topic: a, exprs: [x]}]}]
)",
     "test.yaml:2:3: Pipeline p: filters[0]: route is empty: no message would ever reach a policy\n"},
    {"PoliciesWithEmptyRoute", R"(filters:
- name: m
  kind: TopicMapper
  setKV: {topic: t}
  route: []
  policies: [{name: p, route: [{topic: a, exprs: [x]}]}]
)",
     "test.yaml:5:3: Pipeline p: filters[0].route: route is empty: no message would ever reach a policy\n"},
    {"DuplicatedPolicy", R"(filters:
- name: m
  kind: TopicMapper
  setKV: {topic: t}
  route: [{name: p, matchExpr: x}]
  policies:
  - {name: p, route: [{topic: a, exprs: [x]}]}
  - {name: p, route: [{topic: b, exprs: [x]}]}
)",
     "test.yaml:8:6: Pipeline p: filters[0].policies[1].name: duplicated policy name p\n"},
    {"DuplicatedHeaders", R"(filters:
- name: m
  kind: TopicMapper
  setKV: {topic: t}
  route: [{name: p, matchExpr: x}]
  policies:
  - name: p
    route: [{topic: a, exprs: [x]}]
    headers:
      0: same
      1: same
      2: ""
      02: other
      2x: other
      99999: other
)",
     "test.yaml:11:7: Pipeline p: filters[0].policies[0].headers.1: duplicated header name same\n"
     "test.yaml:12:7: Pipeline p: filters[0].policies[0].headers.2: a header name must not be empty\n"
     "test.yaml:14:7: Pipeline p: filters[0].policies[0].headers.2x: the key of a header is the number of a topic "
     "level: 0, 1, 2 …\n"
     "test.yaml:15:7: Pipeline p: filters[0].policies[0].headers.99999: the key of a header is the number of a topic "
     "level: 0, 1, 2 …\n"},
    {"LevelTwice", R"(filters:
- name: m
  kind: TopicMapper
  setKV: {topic: t}
  route: [{name: p, matchExpr: x}]
  policies:
  - name: p
    route: [{topic: a, exprs: [x]}]
    headers:
      1: a
      01: b
)",
     "test.yaml:11:7: Pipeline p: filters[0].policies[0].headers.01: level 1 is listed twice\n"},
    {"TopicNames", R"(filters:
- name: m
  kind: TopicMapper
  setKV: {topic: t}
  route: [{name: p, matchExpr: x}]
  policies:
  - name: p
    route:
    - topic: ""
      exprs: [x]
    - topic: a/b
      exprs: [x]
    - topic: ..
      exprs: []
    - exprs: [x]
)",
     "test.yaml:9:7: Pipeline p: filters[0].policies[0].route[0].topic: not a legal Kafka topic name: 1 to 249 of A-Z "
     "a-z 0-9 . _ -, and neither . nor ..\n"
     "test.yaml:11:7: Pipeline p: filters[0].policies[0].route[1].topic: not a legal Kafka topic name: 1 to 249 of A-Z "
     "a-z 0-9 . _ -, and neither . nor ..\n"
     "test.yaml:13:7: Pipeline p: filters[0].policies[0].route[2].topic: not a legal Kafka topic name: 1 to 249 of A-Z "
     "a-z 0-9 . _ -, and neither . nor ..\n"
     "test.yaml:14:7: Pipeline p: filters[0].policies[0].route[2].exprs: needs at least one regular expression\n"
     "test.yaml:15:7: Pipeline p: filters[0].policies[0].route[3]: \"topic\" is missing\n"},
    {"MissingKeys", R"(filters:
- name: m
  kind: TopicMapper
  setKV: {topic: t}
  route:
  - name: p
  policies:
  - name: p
    route: []
  - name: ""
)",
     "test.yaml:6:5: Pipeline p: filters[0].route[0]: \"matchExpr\" is missing\n"
     "test.yaml:9:5: Pipeline p: filters[0].policies[0].route: needs at least one entry {topic, exprs}\n"
     "test.yaml:10:5: Pipeline p: filters[0].policies[1].name: must not be empty\n"
     "test.yaml:10:5: Pipeline p: filters[0].policies[1]: \"route\" is missing\n"},
    {"NoSetKv", R"(filters:
- name: m
  kind: TopicMapper
  route: [{name: p, matchExpr: x}]
  policies: [{name: p, route: [{topic: a, exprs: [x]}]}]
)",
     "test.yaml:2:3: Pipeline p: filters[0]: setKV must name where the result goes: {topic: KEY, headers: KEY}, as in "
     "mqtt.topicKey and mqtt.headerKey of the Kafka filter\n"},
    {"PublishedHeaderSlip", R"(filters:
- name: m
  kind: TopicMapper
  setKV: {topic: t}
  route: [{name: p, matchExpr: x}]
  policies:
  - name: p
    route: [{topic: a, exprs: [x]}]
    headers:
    0: direct
    1: device
)",
     "test.yaml:10:5: Pipeline p: filters[0].policies[0].0: this key stands beside \"headers\", which is empty: indent "
     "0, 1, 2 … below headers\n"},
    {"OnNoMatchChoice", R"(filters:
- name: m
  kind: TopicMapper
  onNoMatch: ignore
)",
     "test.yaml:4:3: Pipeline p: filters[0].onNoMatch: expected one of default, deadLetter, drop, disconnect, found "
     "\"ignore\"\n"},
    {"DefaultWithoutDefaultTopic", R"(filters:
- name: m
  kind: TopicMapper
  onNoMatch: default
- {name: k, kind: KafkaMQTT, backend: ["h:1"], topic: {default: ""}}
)",
     "test.yaml:4:3: Pipeline p: filters[0].onNoMatch: default needs a Kafka filter with topic.default in this "
     "pipeline\n"},
    {"DeadLetterWithoutDeadLetterTopic", R"(filters:
- name: m
  kind: TopicMapper
  onNoMatch: deadLetter
- {name: k, kind: Kafka, backend: ["h:1"], topic: {default: d}}
)",
     "test.yaml:4:3: Pipeline p: filters[0].onNoMatch: deadLetter needs a Kafka filter with deadLetter in this "
     "pipeline\n"},
    {"UnknownKeys", R"(filters:
- name: m
  kind: TopicMapper
  matchindex: 0
  version: easegress.megaease.com/v2
  labels: {a: b}
  createdAt: now
)",
     "test.yaml:4:3: Pipeline p: filters[0].matchindex: unknown key, did you mean \"matchIndex\"? allowed here: "
     "matchIndex, policies, route, setKV, onNoMatch\n"},
};
INSTANTIATE_TEST_SUITE_P(All, TopicMapperErrors, testing::ValuesIn(kErrors), test::case_name);

class TopicMapperWarnings : public testing::TestWithParam<test::ConfigCase> {};
TEST_P(TopicMapperWarnings, AreReportedWithPlace) {
  test::expect_warnings(GetParam());
}

const test::ConfigCase kWarnings[] = {
    {"UnusedPolicy", R"(filters:
- name: m
  kind: TopicMapper
  setKV: {topic: t}
  route: [{name: p, matchExpr: x}]
  policies:
  - {name: p, route: [{topic: a, exprs: [x]}]}
  - {name: q, route: [{topic: a, exprs: [x]}]}
)",
     "test.yaml:5:3: Pipeline p: filters[0].route: no entry leads to policy q\n"},
    {"IdentityHeader", R"(filters:
- name: m
  kind: TopicMapper
  setKV: {topic: t}
  route: [{name: p, matchExpr: x}]
  policies:
  - name: p
    route: [{topic: a, exprs: [x]}]
    headers:
      0: clientID
)",
     "test.yaml:10:7: Pipeline p: filters[0].policies[0].headers.0: the Kafka filter writes a header clientID of its "
     "own, which wins unless its list `headers` leaves it out\n"},
    {"TopicTwice", R"(filters:
- name: m
  kind: TopicMapper
  setKV: {topic: t}
  route: [{name: p, matchExpr: x}]
  policies:
  - name: p
    route:
    - {topic: a, exprs: [x]}
    - {topic: a, exprs: [y]}
)",
     "test.yaml:10:8: Pipeline p: filters[0].policies[0].route[1].topic: named before: its expressions count as if "
     "they stood there\n"},
};
INSTANTIATE_TEST_SUITE_P(All, TopicMapperWarnings, testing::ValuesIn(kWarnings), test::case_name);

}  // namespace
}  // namespace mqttproxy::filters
