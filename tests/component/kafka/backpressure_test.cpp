#include <algorithm>
#include <thread>

#include <gmock/gmock.h>

#include "support.hpp"

namespace mqttproxy::kafka::testing {
namespace {

using ::testing::HasSubstr;

class BackpressureTest : public ProducerTest {
 protected:
  /// Until QueueFull; the number accepted.
  std::uint64_t fill(Topic* into, std::uint64_t lane, std::string_view value = "v") {
    for (std::uint64_t i = 0; i < 100'000; ++i) {
      const auto result = produce(into, value, token(lane, i));
      if (result == ProduceResult::QueueFull) return i;
      EXPECT_EQ(result, ProduceResult::Accepted);
    }
    ADD_FAILURE() << "never full";
    return 0;
  }
};

TEST_F(BackpressureTest, FullAtTheMessageLimitAndRoomAfterReports) {
  options_.max_queue_messages = 16;
  kafka_.set_down();
  start();
  EXPECT_EQ(fill(topic("t"), 0), 16U);
  EXPECT_EQ(producer_->unreported(), 16U);
  EXPECT_EQ(sinks_[0]->rooms(), 0U);
  EXPECT_THAT(metrics(), HasSubstr("mqttproxy_kafka_queue_full_total{producer=\"test\"} 1\n"));
  kafka_.set_up();
  EXPECT_TRUE(sinks_[0]->wait_for_room(1));
  EXPECT_EQ(produce(topic("t"), "v", 16), ProduceResult::Accepted);
  EXPECT_EQ(sinks_[0]->wait_for_reports(17).size(), 17U);
}

TEST_F(BackpressureTest, FullAtTheByteLimit) {
  options_.max_queue_bytes = 10 * 1'024;
  kafka_.set_down();
  start();
  EXPECT_EQ(fill(topic("t"), 0, std::string(1'024, 'x')), 10U);
  kafka_.set_up();
  EXPECT_TRUE(sinks_[0]->wait_for_room(1));
}

TEST_F(BackpressureTest, OnlyLanesThatWaitHearOfRoom) {
  options_.max_queue_messages = 16;
  kafka_.set_down();
  start(3);
  Topic* into = topic("t");
  fill(into, 0);
  EXPECT_EQ(produce(into, "v", token(2, 1)), ProduceResult::QueueFull);
  kafka_.set_up();
  EXPECT_TRUE(sinks_[0]->wait_for_room(1));
  EXPECT_TRUE(sinks_[2]->wait_for_room(1));
  EXPECT_EQ(sinks_[1]->rooms(), 0U);
}

/// Every lane's thread offers its records as fast as it can and stops at QueueFull until on_room(): what a worker does.
/// A lost wake-up leaves a thread waiting.
TEST_F(BackpressureTest, EveryRecordIsReportedOnceAndEveryoneIsWoken) {
  constexpr std::uint64_t kLanes = 4;
  constexpr std::uint64_t kPerLane = 5'000;
  options_.max_queue_messages = 20;
  options_.properties = {{"linger.ms", "0"}};
  start(kLanes);
  Topic* into = topic("t");
  std::vector<std::thread> workers;
  std::vector<std::uint64_t> full(kLanes);
  for (std::uint64_t lane = 0; lane < kLanes; ++lane) {
    workers.emplace_back([&, lane] {
      for (std::uint64_t i = 0; i < kPerLane;) {
        switch (produce(into, "v", token(lane, i))) {
          case ProduceResult::Accepted:
            ++i;
            break;
          case ProduceResult::QueueFull:
            // One on_room() for each QueueFull: nothing else is produced on this lane in between.
            if (!sinks_[lane]->wait_for_room(++full[lane])) return;
            break;
          default:
            ADD_FAILURE() << "failed";
            return;
        }
      }
    });
  }
  for (std::thread& worker : workers) worker.join();
  std::uint64_t times_full = 0;
  for (std::uint64_t lane = 0; lane < kLanes; ++lane) {
    auto reports = sinks_[lane]->wait_for_reports(kPerLane);
    ASSERT_EQ(reports.size(), kPerLane) << "lane " << lane;
    for (std::uint64_t i = 0; i < kPerLane; ++i) {
      ASSERT_EQ(reports[i].token, token(lane, i));
      ASSERT_EQ(reports[i].outcome, Outcome::Stored);
    }
    EXPECT_EQ(sinks_[lane]->rooms(), full[lane]) << "no room without having been full";
    times_full += full[lane];
  }
  EXPECT_GT(times_full, 0U);
  EXPECT_TRUE(eventually([&] { return producer_->unreported() == 0; }));
}

}  // namespace
}  // namespace mqttproxy::kafka::testing
