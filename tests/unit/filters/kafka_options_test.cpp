#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config_case.hpp"
#include "mapper_documents.hpp"

namespace mqttproxy::filters {
namespace {

using testing::ElementsAre;
using testing::Pair;

TEST(KafkaOptions, ProducerGetsEverythingConfigured) {
  test::FilterBench bench;
  ASSERT_TRUE(bench.load(R"(filters:
- name: publish
  kind: KafkaMQTT
  backend: ["b1:9092", "b2:9092"]
  topic: {default: rest, maxDynamic: 7}
  deadLetter: dead
  queue: {maxMessages: 100, maxBytes: 1MiB}
  properties:
    compression.type: lz4
    linger.ms: 3
  version: v2
  labels: {a: b}
)")) << bench.document.errors();
  EXPECT_EQ(bench.document.warnings(), "");
  ASSERT_EQ(bench.options.size(), 1U);
  const kafka::ProducerOptions& options = bench.options[0];
  EXPECT_EQ(options.name, "publish");
  EXPECT_THAT(options.backends, ElementsAre("b1:9092", "b2:9092"));
  EXPECT_THAT(options.properties, ElementsAre(Pair("compression.type", "lz4"), Pair("linger.ms", "3")));
  EXPECT_THAT(options.topics, ElementsAre("rest", "dead"));
  EXPECT_EQ(options.dead_letter_topic, "dead");
  EXPECT_EQ(options.max_queue_messages, 100U);
  EXPECT_EQ(options.max_queue_bytes, 1U << 20U);
  EXPECT_EQ(options.max_dynamic_topics, 7U);
}

TEST(KafkaOptions, Defaults) {
  test::FilterBench bench;
  ASSERT_TRUE(bench.load("filters: [{name: k, kind: Kafka, backend: [embedded]}]\n")) << bench.document.errors();
  const kafka::ProducerOptions& options = bench.options.at(0);
  EXPECT_THAT(options.backends, ElementsAre("embedded"));
  EXPECT_TRUE(options.topics.empty());
  EXPECT_EQ(options.dead_letter_topic, "");
  EXPECT_EQ(options.max_queue_messages, 200'000U);
  EXPECT_EQ(options.max_queue_bytes, 256ULL << 20U);
  EXPECT_EQ(options.max_dynamic_topics, 1'000U);
}

TEST(KafkaOptions, TopicsOfTheMapperAreKnownAtStart) {
  test::FilterBench bench;
  ASSERT_TRUE(bench.load(test::kMapperM1 + "  topic: {default: to_raw}\n  deadLetter: dead\n"));
  EXPECT_THAT(bench.options.at(0).topics, ElementsAre("to_raw", "dead", "to_cloud"));
  EXPECT_EQ(bench.document.warnings(), "");
}

TEST(KafkaOptions, EqualOptionsForEveryBuild) {
  test::FilterBench bench;
  ASSERT_TRUE(bench.load(test::kMapperM1));
  bench.pipeline = pipeline::build(bench.document.pipeline, bench.registry);
  ASSERT_NE(bench.pipeline, nullptr);
  ASSERT_EQ(bench.options.size(), 2U);
  EXPECT_EQ(bench.options[0], bench.options[1]);
}

TEST(KafkaOptions, ProducerThatCannotBeMadeIsAnError) {
  test::FilterBench bench;
  bench.sink_problem = "no such file";
  EXPECT_FALSE(bench.load("filters:\n- {name: k, kind: Kafka, backend: [h:1]}\n"));
  EXPECT_EQ(bench.document.errors(), "test.yaml:2:3: Pipeline p: filters[0]: no such file\n");
}

TEST(KafkaOptions, NoProducerIsMadeForAWrongConfiguration) {
  test::FilterBench bench;
  EXPECT_FALSE(bench.load("filters:\n- {name: k, kind: Kafka, backend: [h:1], key: \"%x\"}\n"));
  EXPECT_TRUE(bench.options.empty());
}

TEST(KafkaOptions, SecretsAreNotRepeatedInErrors) {
  test::FilterBench bench;
  EXPECT_FALSE(bench.load(R"(filters:
- name: k
  kind: Kafka
  backend: [h:1]
  properties: {sasl.passwort: hunter2, ssl.key.password: {a: hunter2}}
)"));
  EXPECT_EQ(bench.document.errors().find("hunter2"), std::string::npos) << bench.document.errors();
}

class KafkaErrors : public testing::TestWithParam<test::ConfigCase> {};
TEST_P(KafkaErrors, AreReportedWithPlace) {
  test::expect_errors(GetParam());
}

const test::ConfigCase kErrors[] = {
    {"NoBackend", "filters:\n- name: k\n  kind: Kafka\n",
     "test.yaml:2:3: Pipeline p: filters[0]: \"backend\" is missing\n"},
    {"EmptyBackend", "filters:\n- name: k\n  kind: Kafka\n  backend: []\n",
     "test.yaml:4:3: Pipeline p: filters[0].backend: needs at least one broker, host:port, or embedded\n"},
    {"Backends", R"(filters:
- name: k
  kind: Kafka
  backend:
  - a:1
  - a:1
  - ""
  - "b:1,c:1"
  - embedded
)",
     "test.yaml:6:5: Pipeline p: filters[0].backend[1]: duplicated broker a:1\n"
     "test.yaml:7:5: Pipeline p: filters[0].backend[2]: must be one broker, host:port, or embedded\n"
     "test.yaml:8:5: Pipeline p: filters[0].backend[3]: must be one broker, host:port, or embedded\n"
     "test.yaml:9:5: Pipeline p: filters[0].backend[4]: embedded stands alone: it is a broker inside this process\n"},
    {"Topics", R"(filters:
- name: k
  kind: Kafka
  backend: [a:1]
  topic:
    default: a/b
    source: raw
    maxDynamic: -1
    defualt: x
  deadLetter: "."
)",
     "test.yaml:6:5: Pipeline p: filters[0].topic.default: not a legal Kafka topic name: 1 to 249 of A-Z a-z 0-9 . _ "
     "-, and neither . nor ..\n"
     "test.yaml:7:5: Pipeline p: filters[0].topic.source: expected one of mapped, mqtt, found \"raw\"\n"
     "test.yaml:8:5: Pipeline p: filters[0].topic.maxDynamic: expected a whole number from 0 to 1000000, found "
     "\"-1\"\n"
     "test.yaml:9:5: Pipeline p: filters[0].topic.defualt: unknown key, did you mean \"default\"? allowed here: "
     "default, source, maxDynamic\n"
     "test.yaml:10:3: Pipeline p: filters[0].deadLetter: not a legal Kafka topic name: 1 to 249 of A-Z a-z 0-9 . _ -, "
     "and neither . nor ..\n"},
    {"KeyAndHeaders", R"(filters:
- name: k
  kind: Kafka
  backend: [a:1]
  key: "%d"
  headers:
  - clientID
  - clientId
  - clientID
)",
     "test.yaml:5:3: Pipeline p: filters[0].key: % must be followed by c (client id), u (user name), t (MQTT topic) or "
     "% (a percent sign)\n"
     "test.yaml:8:5: Pipeline p: filters[0].headers[1]: expected one of clientID, username, mqttTopic, mqttQos, "
     "mqttRetain, found \"clientId\"\n"
     "test.yaml:9:5: Pipeline p: filters[0].headers[2]: duplicated header name clientID\n"},
    {"Queue", R"(filters:
- name: k
  kind: Kafka
  backend: [a:1]
  queue:
    maxMessages: 0
    maxBytes: 1KiB
    maxKBytes: 1
)",
     "test.yaml:6:5: Pipeline p: filters[0].queue.maxMessages: expected a whole number from 1 to 10000000, found "
     "\"0\"\n"
     "test.yaml:7:5: Pipeline p: filters[0].queue.maxBytes: expected a size from 64KiB to 64GiB (bytes, or with KiB, "
     "MiB, GiB), found \"1KiB\"\n"
     "test.yaml:8:5: Pipeline p: filters[0].queue.maxKBytes: unknown key, did you mean \"maxBytes\"? allowed here: "
     "maxMessages, maxBytes\n"},
    {"UnknownKeys", R"(filters:
- name: k
  kind: Kafka
  backend: [a:1]
  mqtt: {topickey: x}
  sync: true
)",
     "test.yaml:5:10: Pipeline p: filters[0].mqtt.topickey: unknown key, did you mean \"topicKey\"? allowed here: "
     "topicKey, headerKey, payloadKey\n"
     "test.yaml:6:3: Pipeline p: filters[0].sync: unknown key; allowed here: backend, topic, mqtt, key, headers, "
     "deadLetter, queue, properties\n"},
};
INSTANTIATE_TEST_SUITE_P(All, KafkaErrors, testing::ValuesIn(kErrors), test::case_name);

/// The texts are the kafka room's: only their places are checked here.
TEST(KafkaErrorPlaces, Properties) {
  test::FilterBench bench;
  EXPECT_FALSE(bench.load(R"(filters:
- name: k
  kind: Kafka
  backend: [a:1]
  properties:
    compression.type: lz4
    acks: 1
    enable.idempotence: false
)"));
  EXPECT_THAT(bench.document.errors(), testing::StartsWith("test.yaml:7:5: Pipeline p: filters[0].properties.acks: "));
  EXPECT_THAT(bench.document.errors(),
              testing::HasSubstr("\ntest.yaml:8:5: Pipeline p: filters[0].properties.enable.idempotence: "));
}

TEST(KafkaErrorPlaces, PropertiesThatDoNotGoTogether) {
  test::FilterBench bench;
  EXPECT_FALSE(bench.load(R"(filters:
- name: k
  kind: Kafka
  backend: [a:1]
  properties:
    security.protocol: ssl
    ssl.ca.location: /nonexistent/ca.pem
)"));
  EXPECT_THAT(bench.document.errors(), testing::StartsWith("test.yaml:5:3: Pipeline p: filters[0].properties: "));
  EXPECT_TRUE(bench.options.empty());
}

class KafkaWarnings : public testing::TestWithParam<test::ConfigCase> {};
TEST_P(KafkaWarnings, AreReportedWithPlace) {
  test::expect_warnings(GetParam());
}

const test::ConfigCase kWarnings[] = {
    {"KeysNobodySets", R"(filters:
- name: k
  kind: Kafka
  backend: [a:1]
  mqtt:
    topicKey: kafka-topic
    headerKey: kafka-headers
)",
     "test.yaml:6:5: Pipeline p: filters[0].mqtt.topicKey: no TopicMapper of this pipeline sets kafka-topic "
     "(setKV.topic)\n"
     "test.yaml:7:5: Pipeline p: filters[0].mqtt.headerKey: no TopicMapper of this pipeline sets kafka-headers "
     "(setKV.headers)\n"},
};
INSTANTIATE_TEST_SUITE_P(All, KafkaWarnings, testing::ValuesIn(kWarnings), test::case_name);

}  // namespace
}  // namespace mqttproxy::filters
