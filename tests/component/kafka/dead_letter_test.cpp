#include <set>

#include <gmock/gmock.h>
#include <librdkafka/rdkafka.h>

#include "support.hpp"

namespace mqttproxy::kafka::testing {
namespace {

using ::testing::HasSubstr;

constexpr auto kUnknownTopic = RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
constexpr std::int16_t kUnauthorized = RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;

class DeadLetterTest : public ProducerTest {
 protected:
  DeadLetterTest() {
    options_.dead_letter_topic = "dead";
    options_.properties = {{"topic.metadata.propagation.max.ms", "0"}};
    kafka_.create_topic("dead", 4);
  }

  /// A topic that Kafka says it does not have.
  void make_unknown(const std::string& name) {
    kafka_.create_topic(name, 1);
    kafka_.set_topic_error(name, kUnknownTopic);
  }
};

TEST_F(DeadLetterTest, RefusedByKafkaIsStoredThereWithWhereAndWhy) {
  start();
  kafka_.push_request_errors(kApiProduce, std::vector{kUnauthorized});
  const std::vector<Header> headers = {{"clientID", "c1"}};
  Record record;
  record.topic = topic("wanted");
  record.key = "device";
  record.headers = headers;
  record.value = "payload";
  record.token = 7;
  ASSERT_EQ(producer_->produce(record), ProduceResult::Accepted);
  const auto reports = sinks_[0]->wait_for_reports(1);
  ASSERT_EQ(reports.size(), 1U);
  EXPECT_EQ(reports[0].token, 7U);
  EXPECT_EQ(reports[0].outcome, Outcome::DeadLettered);
  EXPECT_EQ(reports[0].code, kUnauthorized);
  const auto records = read(kafka_, "dead", 1);
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].key, "device");
  EXPECT_EQ(records[0].value, "payload");
  EXPECT_EQ(records[0].header("clientID"), "c1");
  EXPECT_EQ(records[0].header("deadLetterReason"), "TOPIC_AUTHORIZATION_FAILED");
  EXPECT_EQ(records[0].header("deadLetterTopic"), "wanted");
}

TEST_F(DeadLetterTest, NoKeyAndEmptyValueStayWhatTheyAre) {
  start();
  kafka_.push_request_errors(kApiProduce, std::vector{kUnauthorized});
  Record record;
  record.topic = topic("wanted");
  ASSERT_EQ(producer_->produce(record), ProduceResult::Accepted);
  ASSERT_EQ(sinks_[0]->wait_for_reports(1).at(0).outcome, Outcome::DeadLettered);
  const auto records = read(kafka_, "dead", 1);
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].key, std::nullopt);
  EXPECT_EQ(records[0].value, "");
}

TEST_F(DeadLetterTest, ATombstoneStaysOne) {
  start();
  kafka_.push_request_errors(kApiProduce, std::vector{kUnauthorized});
  Record record;
  record.topic = topic("wanted");
  record.key = "k";
  record.tombstone = true;
  ASSERT_EQ(producer_->produce(record), ProduceResult::Accepted);
  ASSERT_EQ(sinks_[0]->wait_for_reports(1).at(0).outcome, Outcome::DeadLettered);
  EXPECT_EQ(read(kafka_, "dead", 1).at(0).value, std::nullopt);
}

TEST_F(DeadLetterTest, APartitionThatIsNotThereIsARefusalAndItsCopyGoesAnywhere) {
  start();
  Record record;
  record.topic = topic("wanted");
  record.partition = 9;
  // The first before the number of partitions is known, the second after.
  for (std::size_t i = 1; i <= 2; ++i) {
    ASSERT_EQ(producer_->produce(record), ProduceResult::Accepted);
    const auto reports = sinks_[0]->wait_for_reports(i);
    ASSERT_EQ(reports.size(), i);
    EXPECT_EQ(reports.back().outcome, Outcome::DeadLettered);
    EXPECT_EQ(error_name(reports.back().code), "_UNKNOWN_PARTITION");
  }
  EXPECT_EQ(read(kafka_, "dead", 2).size(), 2U);
}

TEST_F(DeadLetterTest, RefusedInProduceIsStoredThereAsWell) {
  make_unknown("gone");
  start();
  Topic* into = topic("gone");
  ASSERT_EQ(produce(into, "one", 1), ProduceResult::Accepted);
  ASSERT_EQ(sinks_[0]->wait_for_reports(1).size(), 1U);
  ASSERT_EQ(produce(into, "two", 2), ProduceResult::Accepted);
  for (const Report& report : sinks_[0]->wait_for_reports(2)) {
    EXPECT_EQ(report.outcome, Outcome::DeadLettered);
    EXPECT_THAT(std::string(error_name(report.code)), HasSubstr("UNKNOWN_TOPIC"));
  }
  EXPECT_TRUE(eventually([&] { return producer_->unreported() == 0; }));
  for (const ReadRecord& record : read(kafka_, "dead", 2)) EXPECT_EQ(record.header("deadLetterTopic"), "gone");
}

TEST_F(DeadLetterTest, RefusedTwiceIsRefusedWithTheFirstCode) {
  start();
  kafka_.push_request_errors(
      kApiProduce,
      std::vector<std::int16_t>{kUnauthorized, static_cast<std::int16_t>(RD_KAFKA_RESP_ERR_INVALID_RECORD)});
  ASSERT_EQ(produce(topic("wanted"), "v", 1), ProduceResult::Accepted);
  const auto reports = sinks_[0]->wait_for_reports(1);
  ASSERT_EQ(reports.size(), 1U);
  EXPECT_EQ(reports[0].outcome, Outcome::Refused);
  EXPECT_EQ(reports[0].code, kUnauthorized);
}

TEST_F(DeadLetterTest, UnknownDeadLetterTopicRefuses) {
  make_unknown("gone");
  kafka_.set_topic_error("dead", kUnknownTopic);
  start();
  Topic* into = topic("gone");
  for (std::uint64_t i = 1; i <= 3; ++i) {
    ASSERT_EQ(produce(into, "v", i), ProduceResult::Accepted);
    const auto reports = sinks_[0]->wait_for_reports(i);
    ASSERT_EQ(reports.size(), i);
    EXPECT_EQ(reports.back().outcome, Outcome::Refused);
  }
  EXPECT_TRUE(eventually([&] { return producer_->unreported() == 0; }));
}

TEST_F(DeadLetterTest, TooLargeIsNotTriedThere) {
  start();
  constexpr auto kTooLarge = static_cast<std::int16_t>(RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
  kafka_.push_request_errors(kApiProduce, std::vector{kTooLarge});
  ASSERT_EQ(produce(topic("wanted"), "v", 1), ProduceResult::Accepted);
  const auto reports = sinks_[0]->wait_for_reports(1);
  ASSERT_EQ(reports.size(), 1U);
  EXPECT_EQ(reports[0].outcome, Outcome::Refused);
  EXPECT_EQ(reports[0].code, kTooLarge);
  EXPECT_THAT(metrics(), HasSubstr("mqttproxy_kafka_records_total{producer=\"test\"} 1\n"));
}

TEST_F(DeadLetterTest, ProducedToTheDeadLetterTopicItselfIsStored) {
  start();
  // What a filter does with a message that has no route: the reason is its own.
  const std::vector<Header> headers = {{"deadLetterReason", "no route"}};
  Record record;
  record.topic = topic("dead");
  record.headers = headers;
  record.value = "v";
  record.token = 1;
  ASSERT_EQ(producer_->produce(record), ProduceResult::Accepted);
  const auto reports = sinks_[0]->wait_for_reports(1);
  ASSERT_EQ(reports.size(), 1U);
  EXPECT_EQ(reports[0].outcome, Outcome::Stored);
  EXPECT_EQ(reports[0].code, 0);
  EXPECT_EQ(read(kafka_, "dead", 1).at(0).header("deadLetterReason"), "no route");
}

TEST_F(DeadLetterTest, AFullQueueDelaysCopiesAndLosesNone) {
  // The queue is full of records that are all refused at once: no copy fits before its original is gone.
  constexpr std::uint64_t kRecords = 50;
  options_.max_queue_messages = kRecords;
  make_unknown("gone");
  kafka_.set_down();
  start(2);
  Topic* into = topic("gone");
  for (std::uint64_t i = 0; i < kRecords; ++i) {
    ASSERT_EQ(produce(into, std::to_string(i), i), ProduceResult::Accepted);
  }
  ASSERT_EQ(produce(into, "v", token(1, 0)), ProduceResult::QueueFull);
  kafka_.set_up();
  const auto reports = sinks_[0]->wait_for_reports(kRecords);
  ASSERT_EQ(reports.size(), kRecords);
  std::set<std::uint64_t> tokens;
  for (const Report& report : reports) {
    EXPECT_EQ(report.outcome, Outcome::DeadLettered);
    tokens.insert(report.token);
  }
  EXPECT_EQ(tokens.size(), kRecords);
  EXPECT_TRUE(sinks_[1]->wait_for_room(1));
  const auto records = read(kafka_, "dead", kRecords);
  ASSERT_EQ(records.size(), kRecords);
  for (std::uint64_t i = 0; i < kRecords; ++i) EXPECT_EQ(records[i].value, std::to_string(i)) << "one key, one order";
}

}  // namespace
}  // namespace mqttproxy::kafka::testing
