#include <stdexcept>
#include <thread>

#include <gmock/gmock.h>

#include "support.hpp"

namespace mqttproxy::kafka::testing {
namespace {

using namespace std::string_view_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

class ProduceTest : public ProducerTest {};

TEST_F(ProduceTest, KeyValueAndHeadersArriveByteForByte) {
  start();
  const std::vector<Header> headers = {
      {"client\0id"sv, "a\0b"sv}, {"empty"sv, ""sv}, {"none"sv, {}}, {"\xFF"sv, "\xFE"sv}};
  Record record;
  record.topic = topic("bytes");
  record.key = "k\0\xFF"sv;
  record.headers = headers;
  record.value = "v\0\n\xFF"sv;
  ASSERT_EQ(producer_->produce(record), ProduceResult::Accepted);
  const auto records = read(kafka_, "bytes", 1);
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].key, std::string("k\0\xFF"sv));
  EXPECT_EQ(records[0].value, std::string("v\0\n\xFF"sv));
  // The consumer shows names as C strings; what follows the NUL is on the wire, not in its view.
  EXPECT_THAT(records[0].headers, ElementsAre(Pair("client", std::string("a\0b"sv)), Pair("empty", ""),
                                              Pair("none", ""), Pair("\xFF", "\xFE")));
}

TEST_F(ProduceTest, EmptyIsNotNull) {
  kafka_.create_topic("empty", 4);
  start();
  Record record;
  record.topic = topic("empty");
  record.value = {};
  record.key = std::string_view{};
  ASSERT_EQ(producer_->produce(record), ProduceResult::Accepted);
  const auto keyed = read(kafka_, "empty", 1);
  ASSERT_EQ(keyed.size(), 1U);
  EXPECT_EQ(keyed[0].key, "");
  // A null value would delete the key in a compacted topic.
  EXPECT_EQ(keyed[0].value, "");

  record.topic = topic("keyless");
  record.key = std::nullopt;
  ASSERT_EQ(producer_->produce(record), ProduceResult::Accepted);
  const auto keyless = read(kafka_, "keyless", 1);
  ASSERT_EQ(keyless.size(), 1U);
  EXPECT_EQ(keyless[0].key, std::nullopt);
  EXPECT_EQ(keyless[0].value, "");
}

TEST_F(ProduceTest, ATombstoneHasNoValue) {
  start();
  Record record;
  record.topic = topic("t");
  record.key = "k";
  record.value = "ignored";
  record.tombstone = true;
  ASSERT_EQ(producer_->produce(record), ProduceResult::Accepted);
  const auto records = read(kafka_, "t", 1);
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].key, "k");
  EXPECT_EQ(records[0].value, std::nullopt);
}

TEST_F(ProduceTest, APartitionThatIsNamedIsTheOne) {
  start();
  Record record;
  record.topic = topic("t");
  record.key = "always the same";
  for (const std::int32_t partition : {2, 0, 3, 1}) {
    record.partition = partition;
    ASSERT_EQ(producer_->produce(record), ProduceResult::Accepted);
  }
  const auto records = read(kafka_, "t", 4);
  ASSERT_EQ(records.size(), 4U);
  for (std::int32_t i = 0; i < 4; ++i) EXPECT_EQ(records[static_cast<std::size_t>(i)].partition, i);
}

TEST_F(ProduceTest, EveryRecordIsReportedOnceInOrderOnItsLane) {
  constexpr std::uint64_t kRecords = 3'000;
  start(3);
  Topic* into = topic("ordered");
  for (std::uint64_t i = 0; i < kRecords; ++i) {
    ASSERT_EQ(produce(into, std::to_string(i), token(i % 3, i)), ProduceResult::Accepted);
  }
  for (std::uint64_t lane = 0; lane < 3; ++lane) {
    const auto reports = sinks_[lane]->wait_for_reports(kRecords / 3);
    ASSERT_EQ(reports.size(), kRecords / 3);
    for (std::uint64_t i = 0; i < reports.size(); ++i) {
      EXPECT_EQ(reports[i].token, token(lane, i * 3 + lane));
      EXPECT_EQ(reports[i].outcome, Outcome::Stored);
      EXPECT_EQ(reports[i].code, 0);
    }
    EXPECT_LT(sinks_[lane]->batches(), reports.size()) << "reports come in batches";
  }
  EXPECT_TRUE(eventually([&] { return producer_->unreported() == 0; }));
  const auto records = read(kafka_, "ordered", kRecords);
  ASSERT_EQ(records.size(), kRecords);
  for (std::uint64_t i = 0; i < kRecords; ++i) EXPECT_EQ(records[i].value, std::to_string(i));
}

TEST_F(ProduceTest, RecordsWaitForAKafkaThatIsDown) {
  kafka_.set_down();
  start();
  ASSERT_EQ(produce(topic("later"), "v", 1), ProduceResult::Accepted);
  EXPECT_TRUE(eventually([&] { return producer_->health().reason.find("unreachable") != std::string::npos; }));
  EXPECT_EQ(producer_->unreported(), 1U);
  EXPECT_TRUE(sinks_[0]->reports().empty());
  kafka_.set_up();
  const auto reports = sinks_[0]->wait_for_reports(1);
  ASSERT_EQ(reports.size(), 1U);
  EXPECT_EQ(reports[0].outcome, Outcome::Stored);
}

TEST_F(ProduceTest, LostConnectionsLoseAndRepeatNothing) {
  constexpr std::uint64_t kRecords = 500;
  start();
  Topic* into = topic("retried");
  ASSERT_EQ(produce(into, "first", 0), ProduceResult::Accepted);
  sinks_[0]->wait_for_reports(1);
  constexpr std::int16_t kTransport = -195;
  const std::vector<std::int16_t> errors(3, kTransport);
  kafka_.push_request_errors(kApiProduce, errors);
  for (std::uint64_t i = 1; i < kRecords; ++i) {
    ASSERT_EQ(produce(into, std::to_string(i), i), ProduceResult::Accepted);
  }
  const auto reports = sinks_[0]->wait_for_reports(kRecords);
  ASSERT_EQ(reports.size(), kRecords);
  for (std::uint64_t i = 0; i < kRecords; ++i) {
    EXPECT_EQ(reports[i].token, i);
    EXPECT_EQ(reports[i].outcome, Outcome::Stored);
  }
}

TEST_F(ProduceTest, RecordAboveMessageMaxBytesIsTooLarge) {
  options_.properties = {{"message.max.bytes", "1000"}};
  start();
  EXPECT_EQ(produce(topic("t"), std::string(1'000, 'x'), 1), ProduceResult::TooLarge);
  EXPECT_EQ(producer_->unreported(), 0U);
  EXPECT_EQ(produce(topic("t"), std::string(500, 'x'), 2), ProduceResult::Accepted);
  const auto reports = sinks_[0]->wait_for_reports(1);
  ASSERT_EQ(reports.size(), 1U);
  EXPECT_EQ(reports[0].token, 2U);
}

TEST_F(ProduceTest, RecordAboveTheWholeQueueIsTooLarge) {
  options_.max_queue_bytes = 10 * 1'024;
  start();
  EXPECT_EQ(produce(topic("t"), std::string(10 * 1'024 + 1, 'x'), 1), ProduceResult::TooLarge);
  EXPECT_EQ(produce(topic("t"), std::string(10 * 1'024, 'x'), 2), ProduceResult::Accepted);
}

TEST_F(ProduceTest, LaneWithoutASinkFails) {
  start(2);
  EXPECT_EQ(produce(topic("t"), "v", token(2, 1)), ProduceResult::Failed);
  EXPECT_EQ(producer_->unreported(), 0U);
}

TEST_F(ProduceTest, TopicsAreLimited) {
  options_.topics = {"configured"};
  options_.dead_letter_topic = "dead";
  options_.max_dynamic_topics = 1;
  start();
  topic("configured");
  topic("dead");
  topic("one");
  TopicError error{};
  EXPECT_EQ(producer_->open_topic("two", error), nullptr);
  EXPECT_EQ(error, TopicError::TooMany);
  EXPECT_EQ(producer_->open_topic("a/b", error), nullptr);
  EXPECT_EQ(error, TopicError::IllegalName);
}

TEST_F(ProduceTest, BadOptionsThrowLibrdkafkasReason) {
  options_.properties = {{"max.in.flight", "100"}};
  EXPECT_THROW(start(), std::runtime_error);
  options_.properties = {{"no.such.thing", "1"}};
  EXPECT_THROW(start(), std::runtime_error);
  options_.properties.clear();
  options_.topics = {"a/b"};
  EXPECT_THROW(start(), std::runtime_error);
}

TEST_F(ProduceTest, AcksAndIdempotenceAreNotNegotiable) {
  // What property_problem() would have refused has no effect here either.
  options_.properties = {{"acks", "1"}, {"enable.idempotence", "false"}};
  start();
  ASSERT_EQ(produce(topic("t"), "v", 1), ProduceResult::Accepted);
  EXPECT_EQ(sinks_[0]->wait_for_reports(1).size(), 1U);
}

TEST_F(ProduceTest, Metrics) {
  options_.max_queue_messages = 123;
  start();
  Topic* into = topic("t");
  for (std::uint64_t i = 0; i < 5; ++i) ASSERT_EQ(produce(into, "v", i), ProduceResult::Accepted);
  sinks_[0]->wait_for_reports(5);
  ASSERT_TRUE(eventually([&] { return producer_->unreported() == 0 && producer_->health().ready; }));
  const std::string text = metrics();
  EXPECT_THAT(text, HasSubstr("mqttproxy_kafka_ready{producer=\"test\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("mqttproxy_kafka_queue_messages{producer=\"test\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("mqttproxy_kafka_queue_limit_messages{producer=\"test\"} 123\n"));
  EXPECT_THAT(text, HasSubstr("mqttproxy_kafka_records_total{producer=\"test\"} 5\n"));
  EXPECT_THAT(text, HasSubstr("mqttproxy_kafka_reports_total{producer=\"test\",outcome=\"stored\"} 5\n"));
  EXPECT_THAT(text, HasSubstr("mqttproxy_kafka_queue_full_total{producer=\"test\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("mqttproxy_kafka_topics{producer=\"test\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("mqttproxy_kafka_producer_restarts_total{producer=\"test\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("mqttproxy_kafka_delivery_seconds_bucket"));
  producer_.reset();
  EXPECT_EQ(metrics(), "");
}

}  // namespace
}  // namespace mqttproxy::kafka::testing
