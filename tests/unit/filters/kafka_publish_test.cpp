#include <gtest/gtest.h>

#include "filter_bench.hpp"

namespace mqttproxy::filters {
namespace {

using kafka::ProduceResult;
using pipeline::Action;
using pipeline::RunState;
using test::HeaderList;

/// A Kafka filter with more keys, one a line, indented by two.
std::string kafka(const std::string& keys = "", const std::string& name = "kafka") {
  return "- name: " + name + "\n  kind: Kafka\n  backend: [\"127.0.0.1:9092\"]\n" + keys;
}
const std::string kSetter = "- {name: setter, kind: Setter}\n";
const std::string kKeys = "  mqtt: {topicKey: t, headerKey: h}\n";

class KafkaPublish : public testing::Test {
 protected:
  void load(const std::string& filters) {
    ASSERT_TRUE(bench_.load("filters:\n" + filters)) << bench_.document.errors();
    for (auto& [name, sink] : bench_.sinks) sink.opened.clear();
  }
  test::RecordingSink& sink(const std::string& name = "kafka") { return bench_.sinks[name]; }

  /// The one record that publishing gives.
  test::RecordedRecord record_of(const mqtt::Publish& packet) {
    sink().records.clear();
    EXPECT_EQ(bench_.publish(packet), RunState::Finished);
    EXPECT_EQ(bench_.context.action(), Action::None);
    EXPECT_EQ(bench_.context.records, 1U);
    EXPECT_EQ(sink().records.size(), 1U);
    return sink().records.empty() ? test::RecordedRecord{} : sink().records.front();
  }
  test::RecordedRecord record_of(std::string_view topic) {
    return record_of(mqtt::Publish{.topic = topic, .payload = "text"});
  }

  void expect_refused(std::string_view topic, std::string_view reason) {
    EXPECT_EQ(bench_.publish(topic), RunState::Finished);
    EXPECT_EQ(bench_.context.action(), Action::Disconnect);
    EXPECT_EQ(bench_.context.reason(), reason);
    EXPECT_EQ(bench_.context.records, 0U);
    EXPECT_TRUE(sink().records.empty());
  }

  test::FilterBench bench_;
};

TEST_F(KafkaPublish, WithoutKeysTheMqttTopicNamesTheKafkaTopic) {
  load(kafka());
  const test::RecordedRecord record = record_of("a/b/c");
  EXPECT_EQ(record.topic, "a.b.c");
  EXPECT_EQ(record.key, "test");
  EXPECT_EQ(record.headers, (HeaderList{{"clientID", "test"}, {"username", "user123"}, {"mqttTopic", "a/b/c"}}));
  EXPECT_EQ(record.value, "text");
  EXPECT_EQ(record.token, test::FilterBench::kToken);
}

TEST_F(KafkaPublish, MappedTopicAndHeaders) {
  load(kSetter + kafka(kKeys));
  const test::RecordedRecord record = record_of("a/b/c");
  EXPECT_EQ(record.topic, "123");
  EXPECT_EQ(record.headers,
            (HeaderList{{"clientID", "test"}, {"username", "user123"}, {"mqttTopic", "a/b/c"}, {"1", "a"}}));
  EXPECT_EQ(record.value, "text");
}

TEST_F(KafkaPublish, MappedHeadersNeverPassForIdentity) {
  load(kSetter + kafka(kKeys));
  bench_.client.username.reset();
  EXPECT_EQ(record_of("a").headers, (HeaderList{{"clientID", "test"}, {"mqttTopic", "a"}, {"1", "a"}}));
}

TEST_F(KafkaPublish, IdentityHeadersThatAreLeftOutMayBeMapped) {
  load(kSetter + kafka(kKeys + "  headers: [clientID]\n"));
  EXPECT_EQ(record_of("a").headers, (HeaderList{{"clientID", "test"}, {"1", "a"}, {"username", "forged"}}));
}

TEST_F(KafkaPublish, QosAndRetainOnlyWhenSet) {
  load(kafka("  headers: [mqttQos, mqttRetain]\n"));
  EXPECT_EQ(record_of(mqtt::Publish{.topic = "a", .qos = mqtt::Qos::AtMostOnce}).headers, HeaderList{});
  EXPECT_EQ(record_of(mqtt::Publish{.topic = "a", .qos = mqtt::Qos::AtLeastOnce}).headers,
            (HeaderList{{"mqttQos", "1"}}));
  EXPECT_EQ(record_of(mqtt::Publish{.topic = "a", .qos = mqtt::Qos::ExactlyOnce, .retain = true}).headers,
            (HeaderList{{"mqttQos", "2"}, {"mqttRetain", "1"}}));
}

TEST_F(KafkaPublish, HeaderListSelects) {
  load(kafka("  headers: []\n"));
  EXPECT_EQ(record_of(mqtt::Publish{.topic = "a", .qos = mqtt::Qos::AtLeastOnce, .retain = true}).headers,
            HeaderList{});
  load(kafka("  headers: [mqttTopic, username]\n"));
  EXPECT_EQ(record_of("a/b").headers, (HeaderList{{"username", "user123"}, {"mqttTopic", "a/b"}}));
}

TEST_F(KafkaPublish, KeyTemplate) {
  load(kafka("  key: \"%u:%c:%t\"\n"));
  EXPECT_EQ(record_of("a/b").key, "user123:test:a/b");
  EXPECT_EQ(record_of("c").key, "user123:test:c");
  load(kafka("  key: \"\"\n"));
  EXPECT_EQ(record_of("a").key, std::nullopt);
  load(kafka("  key: \"%u\"\n"));
  bench_.client.username.reset();
  EXPECT_EQ(record_of("a").key, "");
}

TEST_F(KafkaPublish, AnEmptyPayloadIsAnEmptyValue) {
  load(kafka());
  EXPECT_EQ(record_of(mqtt::Publish{.topic = "a"}).value, "");
}

TEST_F(KafkaPublish, DefaultTopicWinsOverTheMqttTopic) {
  load(kafka("  topic: {default: rest}\n" + kKeys));
  EXPECT_EQ(record_of("a/b").topic, "rest");
  load(kSetter + kafka("  topic: {default: rest}\n" + kKeys));
  EXPECT_EQ(record_of("a/b").topic, "123");
}

TEST_F(KafkaPublish, MissingMappedTopicFallsThrough) {
  load(kafka(kKeys));
  EXPECT_EQ(record_of("a/b").topic, "a.b");
}

TEST_F(KafkaPublish, SourceMqttPutsTheMqttTopicFirst) {
  load(kafka("  topic: {default: rest, source: mqtt}\n"));
  EXPECT_EQ(record_of("a/b").topic, "a.b");
  EXPECT_EQ(record_of("a b").topic, "rest");
  load(kSetter + kafka("  topic: {default: rest, source: mqtt}\n" + kKeys));
  EXPECT_EQ(record_of("a/b").topic, "123");
  load(kafka("  topic: {source: mqtt}\n"));
  EXPECT_EQ(record_of("/a/b").topic, ".a.b");
}

TEST_F(KafkaPublish, PayloadKey) {
  load(kSetter + kafka("  mqtt: {payloadKey: p}\n"));
  EXPECT_EQ(record_of("a").value, "payload of p");
}

TEST_F(KafkaPublish, MissingPayloadIsGetDataFailed) {
  load(kafka("  mqtt: {payloadKey: p}\n"));
  expect_refused("a", "no payload for the Kafka record");
  load(kafka("  mqtt: {payloadKey: p}\n", "first") + kafka() +
       "flow: [{filter: first, jumpIf: {getDataFailed: kafka}}, {filter: kafka}]\n");
  EXPECT_EQ(record_of("a").value, "text");
}

TEST_F(KafkaPublish, IllegalTopicIsRefused) {
  load(kafka());
  for (const std::string& topic : {std::string("a b"), std::string("/"), std::string("é"), std::string(250, 'x')}) {
    expect_refused(topic, "illegal Kafka topic name");
  }
  EXPECT_TRUE(sink().opened.empty()) << "an illegal name must not cost the producer's lock";
}

TEST_F(KafkaPublish, TooManyTopicsAreRefused) {
  load(kafka());
  sink().max_topics = 1;
  EXPECT_EQ(record_of("a").topic, "a");
  sink().records.clear();
  expect_refused("b", "too many Kafka topics (topic.maxDynamic)");
  EXPECT_EQ(record_of("a").topic, "a");
}

TEST_F(KafkaPublish, NoJumpCanCatchARefusedTopic) {
  load(kafka("", "first") + kafka() + "flow: [{filter: first, jumpIf: {getDataFailed: kafka}}, {filter: kafka}]\n");
  expect_refused("a b", "illegal Kafka topic name");
}

TEST_F(KafkaPublish, RefusedTopicGoesToTheDeadLetterTopic) {
  load(kafka("  headers: [clientID]\n  deadLetter: dead\n"));
  const test::RecordedRecord illegal = record_of("a b");
  EXPECT_EQ(illegal.topic, "dead");
  EXPECT_EQ(illegal.key, "test");
  EXPECT_EQ(illegal.value, "text");
  EXPECT_EQ(illegal.headers,
            (HeaderList{{"clientID", "test"}, {"mqttTopic", "a b"}, {"deadLetterReason", "illegal Kafka topic name"}}));
  sink().max_topics = 1;
  const test::RecordedRecord many = record_of("c");
  EXPECT_EQ(many.topic, "dead");
  EXPECT_EQ(many.headers.back().second, "too many Kafka topics (topic.maxDynamic)");
}

TEST_F(KafkaPublish, DeadLetterKeepsMappedHeadersButNotForgedOnes) {
  load(kSetter + kafka("  mqtt: {headerKey: h}\n  headers: []\n  deadLetter: dead\n"));
  EXPECT_EQ(record_of("a b").headers,
            (HeaderList{{"mqttTopic", "a b"}, {"deadLetterReason", "illegal Kafka topic name"}, {"1", "a"}}));
}

TEST_F(KafkaPublish, TooLargeIsNeverDeadLettered) {
  load(kafka("  deadLetter: dead\n"));
  sink().answers = {ProduceResult::TooLarge};
  expect_refused("a", "record too large");
  EXPECT_EQ(sink().produced, 1U);
}

TEST_F(KafkaPublish, ClosedProducerIsNoAcknowledgement) {
  load(kafka("  deadLetter: dead\n"));
  sink().answers = {ProduceResult::Failed};
  expect_refused("a", "kafka producer closed");
}

TEST_F(KafkaPublish, FullQueueBlocksAndTakesNothing) {
  load(kafka());
  sink().answers = {ProduceResult::QueueFull};
  const mqtt::Publish packet{.topic = "a", .payload = "text"};
  EXPECT_EQ(bench_.publish(packet), RunState::Blocked);
  EXPECT_EQ(bench_.context.records, 0U);
  EXPECT_EQ(bench_.publish_again(packet), RunState::Finished);
  EXPECT_EQ(bench_.context.records, 1U);
  EXPECT_EQ(sink().records.size(), 1U);
}

TEST_F(KafkaPublish, TwoKafkasBothStoreAndNeitherTwice) {
  load(kafka("", "first") + kafka("", "second"));
  const mqtt::Publish packet{.topic = "a", .payload = "text"};
  sink("second").answers = {ProduceResult::QueueFull, ProduceResult::QueueFull};
  EXPECT_EQ(bench_.publish(packet), RunState::Blocked);
  EXPECT_EQ(bench_.context.memory.records, 1U);
  EXPECT_EQ(bench_.publish_again(packet), RunState::Blocked);
  EXPECT_EQ(bench_.publish_again(packet), RunState::Finished);
  EXPECT_EQ(bench_.context.records, 2U);
  EXPECT_EQ(sink("first").produced, 1U);
  EXPECT_EQ(sink("first").records.size(), 1U);
  EXPECT_EQ(sink("second").produced, 3U);
  EXPECT_EQ(sink("second").records.size(), 1U);
}

TEST_F(KafkaPublish, OneOfTwoKafkasIsNotEnough) {
  load(kafka("", "first") + kafka("", "second"));
  sink("second").answers = {ProduceResult::TooLarge};
  EXPECT_EQ(bench_.publish("a"), RunState::Finished);
  EXPECT_EQ(sink("first").records.size(), 1U);
  EXPECT_EQ(bench_.context.action(), Action::Disconnect);
}

TEST_F(KafkaPublish, TopicsAreOpenedOncePerName) {
  load(kafka());
  for (int i = 0; i < 3; ++i) {
    (void)record_of("a/b");
    (void)record_of("c");
  }
  EXPECT_EQ(sink().opened, (std::vector<std::string>{"a.b", "c"}));
}

TEST_F(KafkaPublish, ConfiguredTopicsAreOpenedWhenBuilt) {
  ASSERT_TRUE(bench_.load("filters:\n" + kafka("  topic: {default: rest}\n  deadLetter: dead\n")));
  EXPECT_EQ(sink().opened, (std::vector<std::string>{"rest", "dead"}));
  (void)record_of("a");
  EXPECT_EQ(sink().opened.size(), 2U);
}

TEST_F(KafkaPublish, InAPipelineOfAnotherPacketItPasses) {
  load(kafka());
  for (const auto type : {mqtt::PacketType::Connect, mqtt::PacketType::Subscribe, mqtt::PacketType::Unsubscribe,
                          mqtt::PacketType::Disconnect}) {
    bench_.begin(type);
    EXPECT_EQ(bench_.pipeline->run(bench_.context), RunState::Finished);
    EXPECT_EQ(bench_.context.action(), Action::None);
  }
  EXPECT_EQ(sink().produced, 0U);
}

}  // namespace
}  // namespace mqttproxy::filters
