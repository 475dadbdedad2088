#include <atomic>
#include <set>
#include <thread>

#include <gmock/gmock.h>
#include <librdkafka/rdkafka.h>

#include "kafka/producer_impl.hpp"
#include "support.hpp"

namespace mqttproxy::kafka::testing {
namespace {

using ::testing::HasSubstr;

class RestartTest : public ProducerTest {
 protected:
  std::shared_ptr<const Client> client() { return dynamic_cast<ProducerImpl&>(*producer_).client(); }

  void make_fatal() {
    const auto used = client();
    ASSERT_NE(used, nullptr);
    ASSERT_EQ(rd_kafka_test_fatal_error(used->handle(), RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, "a test"),
              RD_KAFKA_RESP_ERR_NO_ERROR);
  }

  /// As a caller does: again when there is room.
  void produce_when_there_is_room(Topic* into, std::uint64_t number) {
    while (true) {
      const std::size_t rooms = sinks_[0]->rooms();
      const auto result = produce(into, "v", number);
      if (result == ProduceResult::Accepted) return;
      ASSERT_EQ(result, ProduceResult::QueueFull);
      ASSERT_TRUE(sinks_[0]->wait_for_room(rooms + 1));
    }
  }
};

TEST_F(RestartTest, ANewClientTakesOverAndTopicsSurvive) {
  start();
  Topic* into = topic("t");
  ASSERT_EQ(produce(into, "before", 1), ProduceResult::Accepted);
  sinks_[0]->wait_for_reports(1);
  const std::weak_ptr<const Client> first = client();
  make_fatal();
  produce_when_there_is_room(into, 2);
  const auto reports = sinks_[0]->wait_for_reports(2);
  ASSERT_EQ(reports.size(), 2U);
  EXPECT_EQ(reports[1].token, 2U);
  EXPECT_EQ(reports[1].outcome, Outcome::Stored);
  EXPECT_TRUE(eventually([&] { return first.expired(); })) << "the old one is gone";
  EXPECT_EQ(topic("t"), into);
  EXPECT_THAT(metrics(), HasSubstr("mqttproxy_kafka_producer_restarts_total{producer=\"test\"} 1\n"));
  EXPECT_TRUE(eventually([&] { return producer_->health().ready; }));
}

TEST_F(RestartTest, WhatWasInFlightIsUnknownBeforeAnythingElseIsTaken) {
  start();
  Topic* into = topic("t");
  ASSERT_EQ(produce(into, "warm", 0), ProduceResult::Accepted);
  sinks_[0]->wait_for_reports(1);
  kafka_.set_round_trip(std::chrono::hours(1));
  for (std::uint64_t i = 1; i <= 20; ++i) ASSERT_EQ(produce(into, "v", i), ProduceResult::Accepted);
  make_fatal();
  kafka_.set_round_trip(std::chrono::milliseconds(0));
  produce_when_there_is_room(into, 21);
  EXPECT_GE(sinks_[0]->reports().size(), 21U) << "reports first";
  const auto reports = sinks_[0]->wait_for_reports(22);
  ASSERT_EQ(reports.size(), 22U);
  std::set<std::uint64_t> unknown;
  for (const Report& report : reports) {
    if (report.outcome == Outcome::Unknown) unknown.insert(report.token);
  }
  EXPECT_EQ(unknown.size(), 20U);
  EXPECT_EQ(reports.back().token, 21U);
  EXPECT_EQ(reports.back().outcome, Outcome::Stored);
}

TEST_F(RestartTest, CallersOnSeveralThreadsLoseNoReport) {
  constexpr std::uint64_t kLanes = 3;
  constexpr int kRestarts = 3;
  options_.max_queue_messages = 200;
  start(kLanes);
  Topic* into = topic("t");
  std::atomic<bool> stop{false};
  std::vector<std::uint64_t> accepted(kLanes);
  std::vector<std::thread> workers;
  for (std::uint64_t lane = 0; lane < kLanes; ++lane) {
    workers.emplace_back([&, lane] {
      while (!stop.load()) {
        const std::size_t rooms = sinks_[lane]->rooms();
        const auto result = produce(into, "v", token(lane, accepted[lane]));
        if (result == ProduceResult::Accepted) {
          ++accepted[lane];
        } else if (result != ProduceResult::QueueFull || !sinks_[lane]->wait_for_room(rooms + 1)) {
          ADD_FAILURE() << "lane " << lane << " result " << static_cast<int>(result);
          return;
        }
      }
    });
  }
  for (int i = 1; i <= kRestarts; ++i) {
    ASSERT_TRUE(eventually([&] { return client() != nullptr; }));
    const auto before = client();
    make_fatal();
    ASSERT_TRUE(eventually([&] { return client() != nullptr && client() != before; }));
  }
  stop.store(true);
  for (std::thread& worker : workers) worker.join();
  EXPECT_EQ(producer_->drain(kHangGuard), 0U);
  for (std::uint64_t lane = 0; lane < kLanes; ++lane) {
    const auto reports = sinks_[lane]->reports();
    std::set<std::uint64_t> tokens;
    for (const Report& report : reports) tokens.insert(report.token);
    EXPECT_EQ(reports.size(), accepted[lane]);
    EXPECT_EQ(tokens.size(), accepted[lane]);
  }
  EXPECT_THAT(metrics(), HasSubstr("mqttproxy_kafka_producer_restarts_total{producer=\"test\"} 3\n"));
}

TEST_F(RestartTest, TopicOpenedInBetweenWorks) {
  start();
  topic("t");
  make_fatal();
  // Before, during or after the change: the handle is there when the gate opens.
  std::vector<Topic*> opened;
  opened.reserve(50);
  for (int i = 0; i < 50; ++i) opened.push_back(topic("t" + std::to_string(i)));
  std::uint64_t number = 0;
  for (Topic* into : opened) produce_when_there_is_room(into, number++);
  for (const Report& report : sinks_[0]->wait_for_reports(number)) EXPECT_NE(report.outcome, Outcome::Refused);
}

TEST_F(RestartTest, DrainDuringTheChangeEnds) {
  kafka_.set_down();
  start();
  for (std::uint64_t i = 0; i < 10; ++i) ASSERT_EQ(produce(topic("t"), "v", i), ProduceResult::Accepted);
  make_fatal();
  producer_->drain(std::chrono::milliseconds(100));
  const auto reports = sinks_[0]->reports();
  ASSERT_EQ(reports.size(), 10U);
  for (const Report& report : reports) EXPECT_EQ(report.outcome, Outcome::Unknown);
  EXPECT_EQ(producer_->unreported(), 0U);
  EXPECT_EQ(produce(topic("t"), "v", 11), ProduceResult::Failed);
}

TEST_F(RestartTest, DestructionDuringTheChangeEnds) {
  start();
  ASSERT_EQ(produce(topic("t"), "v", 1), ProduceResult::Accepted);
  make_fatal();
  producer_.reset();
  EXPECT_EQ(sinks_[0]->reports().size(), 1U);
}

}  // namespace
}  // namespace mqttproxy::kafka::testing
