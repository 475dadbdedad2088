#include <gmock/gmock.h>
#include <librdkafka/rdkafka.h>

#include "support.hpp"

namespace mqttproxy::kafka::testing {
namespace {

using ::testing::HasSubstr;

class RefusalTest : public ProducerTest {
 protected:
  RefusalTest() {
    // A topic Kafka does not know is refused at once.
    options_.properties = {{"topic.metadata.propagation.max.ms", "0"}};
  }

  void expect_refused(const std::vector<Report>& reports, rd_kafka_resp_err_t code) {
    for (const Report& report : reports) {
      EXPECT_EQ(report.outcome, Outcome::Refused);
      EXPECT_EQ(error_name(report.code), error_name(static_cast<std::int16_t>(code)));
    }
  }
};

class RefusedByKafka : public RefusalTest, public ::testing::WithParamInterface<rd_kafka_resp_err_t> {};

TEST_P(RefusedByKafka, IsReportedWithItsCode) {
  start();
  kafka_.push_request_errors(kApiProduce, std::vector<std::int16_t>{static_cast<std::int16_t>(GetParam())});
  ASSERT_EQ(produce(topic("t"), "v", 1), ProduceResult::Accepted);
  const auto reports = sinks_[0]->wait_for_reports(1);
  ASSERT_EQ(reports.size(), 1U);
  expect_refused(reports, GetParam());
  // The next one is none the worse for it.
  ASSERT_EQ(produce(topic("t"), "v", 2), ProduceResult::Accepted);
  EXPECT_EQ(sinks_[0]->wait_for_reports(2).back().outcome, Outcome::Stored);
}

INSTANTIATE_TEST_SUITE_P(Codes, RefusedByKafka,
                         ::testing::Values(RD_KAFKA_RESP_ERR_INVALID_RECORD, RD_KAFKA_RESP_ERR_POLICY_VIOLATION,
                                           RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE));

TEST_F(RefusalTest, NotAuthorisedUntilKafkaSaysOtherwise) {
  constexpr auto kUnauthorized = RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
  start();
  kafka_.push_request_errors(kApiProduce, std::vector{static_cast<std::int16_t>(kUnauthorized)});
  Topic* into = topic("t");
  ASSERT_EQ(produce(into, "v", 1), ProduceResult::Accepted);
  expect_refused(sinks_[0]->wait_for_reports(1), kUnauthorized);
  EXPECT_EQ(sinks_[0]->reports().size(), 1U);
  // librdkafka remembers that of the topic, until the health probe's next metadata.
  std::uint64_t number = 1;
  EXPECT_TRUE(eventually([&] {
    EXPECT_EQ(produce(into, "v", ++number), ProduceResult::Accepted);
    return sinks_[0]->wait_for_reports(number).back().outcome == Outcome::Stored;
  }));
}

TEST_F(RefusalTest, UnknownTopicIsReportedOnceWhoeverFindsOut) {
  kafka_.create_topic("gone", 1);
  kafka_.set_topic_error("gone", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
  start();
  Topic* into = topic("gone");
  // Kafka's answer to the first; librdkafka knows by then and refuses the second in produce().
  ASSERT_EQ(produce(into, "v", 1), ProduceResult::Accepted);
  ASSERT_EQ(sinks_[0]->wait_for_reports(1).size(), 1U);
  ASSERT_EQ(produce(into, "v", 2), ProduceResult::Accepted);
  ASSERT_EQ(sinks_[0]->wait_for_reports(2).size(), 2U);
  EXPECT_TRUE(eventually([&] { return producer_->unreported() == 0; }));
  const auto reports = sinks_[0]->reports();
  EXPECT_EQ(reports[0].token, 1U);
  EXPECT_EQ(reports[1].token, 2U);
  for (const Report& report : reports) {
    EXPECT_EQ(report.outcome, Outcome::Refused);
    EXPECT_THAT(std::string(error_name(report.code)), HasSubstr("UNKNOWN_TOPIC"));
  }
  EXPECT_THAT(metrics(), HasSubstr("mqttproxy_kafka_reports_total{producer=\"test\",outcome=\"refused\"} 2\n"));
}

TEST_F(RefusalTest, TopicThatAppearsLaterIsTaken) {
  kafka_.create_topic("late", 1);
  kafka_.set_topic_error("late", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
  start();
  Topic* into = topic("late");
  ASSERT_EQ(produce(into, "v", 1), ProduceResult::Accepted);
  ASSERT_EQ(sinks_[0]->wait_for_reports(1)[0].outcome, Outcome::Refused);
  kafka_.set_topic_error("late", 0);
  // The health probe asks for the topics in use again.
  std::uint64_t number = 1;
  EXPECT_TRUE(eventually([&] {
    EXPECT_EQ(produce(into, "v", ++number), ProduceResult::Accepted);
    return sinks_[0]->wait_for_reports(number).back().outcome == Outcome::Stored;
  }));
}

}  // namespace
}  // namespace mqttproxy::kafka::testing
