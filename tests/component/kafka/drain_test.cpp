#include <thread>

#include <gmock/gmock.h>
#include <librdkafka/rdkafka.h>

#include "support.hpp"

namespace mqttproxy::kafka::testing {
namespace {

using std::chrono::milliseconds;

class DrainTest : public ProducerTest {};

TEST_F(DrainTest, SendsWhatIsQueuedAtOnce) {
  options_.properties = {{"linger.ms", "900000"}};
  start();
  Topic* into = topic("t");
  for (std::uint64_t i = 0; i < 100; ++i) ASSERT_EQ(produce(into, "v", i), ProduceResult::Accepted);
  EXPECT_EQ(producer_->drain(kHangGuard), 0U);
  EXPECT_EQ(producer_->unreported(), 0U);
  const auto reports = sinks_[0]->reports();
  ASSERT_EQ(reports.size(), 100U);
  for (const Report& report : reports) EXPECT_EQ(report.outcome, Outcome::Stored);
}

TEST_F(DrainTest, NothingIsTakenAfterwards) {
  start();
  Topic* into = topic("t");
  EXPECT_EQ(producer_->drain(milliseconds(0)), 0U);
  EXPECT_EQ(produce(into, "v", 1), ProduceResult::Failed);
  EXPECT_EQ(producer_->unreported(), 0U);
}

TEST_F(DrainTest, WhatIsLeftIsPurgedAndUnknown) {
  kafka_.set_down();
  start(2);
  Topic* into = topic("t");
  for (std::uint64_t i = 0; i < 50; ++i) ASSERT_EQ(produce(into, "v", token(i % 2, i)), ProduceResult::Accepted);
  EXPECT_EQ(producer_->drain(milliseconds(1)), 50U);
  EXPECT_EQ(producer_->unreported(), 0U);
  for (const auto& sink : sinks_) {
    const auto reports = sink->reports();
    ASSERT_EQ(reports.size(), 25U);
    for (const Report& report : reports) {
      EXPECT_EQ(report.outcome, Outcome::Unknown);
      EXPECT_EQ(error_name(report.code), "_PURGE_QUEUE");
    }
  }
}

TEST_F(DrainTest, WhatIsInFlightIsPurgedAndUnknown) {
  start();
  Topic* into = topic("t");
  ASSERT_EQ(produce(into, "warm", 0), ProduceResult::Accepted);
  sinks_[0]->wait_for_reports(1);
  kafka_.set_round_trip(std::chrono::hours(1));
  ASSERT_EQ(produce(into, "v", 1), ProduceResult::Accepted);
  EXPECT_EQ(producer_->drain(milliseconds(200)), 1U);
  const auto reports = sinks_[0]->reports();
  ASSERT_EQ(reports.size(), 2U);
  EXPECT_EQ(reports[1].outcome, Outcome::Unknown);
}

TEST_F(DrainTest, LanesThatWaitForRoomLearnThatThereIsNone) {
  options_.max_queue_messages = 1;
  kafka_.set_down();
  start(2);
  Topic* into = topic("t");
  ASSERT_EQ(produce(into, "v", token(0, 1)), ProduceResult::Accepted);
  ASSERT_EQ(produce(into, "v", token(1, 1)), ProduceResult::QueueFull);
  EXPECT_EQ(producer_->drain(milliseconds(0)), 1U);
  ASSERT_TRUE(sinks_[1]->wait_for_room(1));
  EXPECT_EQ(produce(into, "v", token(1, 1)), ProduceResult::Failed);
}

TEST_F(DrainTest, DestructionReportsEverything) {
  kafka_.set_down();
  start();
  Topic* into = topic("t");
  for (std::uint64_t i = 0; i < 10; ++i) ASSERT_EQ(produce(into, "v", i), ProduceResult::Accepted);
  producer_.reset();
  EXPECT_EQ(sinks_[0]->reports().size(), 10U);
}

TEST_F(DrainTest, DestructionEndsWithNobodyThere) {
  options_.backends = {"127.0.0.1:1", "127.0.0.1:2"};
  options_.topics = {"a", "b"};
  start();
  ASSERT_EQ(produce(topic("a"), "v", 1), ProduceResult::Accepted);
  producer_.reset();
  EXPECT_EQ(sinks_[0]->reports().size(), 1U);
}

TEST_F(DrainTest, CallersMayRaceWithIt) {
  start(2);
  Topic* into = topic("t");
  std::vector<std::uint64_t> accepted(2);
  std::vector<std::thread> callers;
  for (std::uint64_t lane = 0; lane < 2; ++lane) {
    callers.emplace_back([&, lane] {
      while (produce(into, "v", token(lane, accepted[lane])) != ProduceResult::Failed) ++accepted[lane];
    });
  }
  sinks_[0]->wait_for_reports(100);
  EXPECT_EQ(producer_->drain(kHangGuard), 0U);
  for (std::thread& caller : callers) caller.join();
  for (std::uint64_t lane = 0; lane < 2; ++lane) EXPECT_EQ(sinks_[lane]->reports().size(), accepted[lane]);
}

}  // namespace
}  // namespace mqttproxy::kafka::testing
