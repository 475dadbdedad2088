#include "kafka/gate.hpp"

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace mqttproxy::kafka {
namespace {

class NoSink : public ReportSink {
  void on_reports(std::vector<Report> /*reports*/) override {}
  void on_room() override {}
};

class GateTest : public ::testing::Test {
 protected:
  static ProducerOptions options() {
    ProducerOptions options;
    options.name = "gate";
    options.backends = {"127.0.0.1:1"};
    return options;
  }

  NoSink sink_;
  Client client_{options()};
  Gate gate_{{&sink_, &sink_}};
};

TEST_F(GateTest, LaneIsTheTokensTopByte) {
  EXPECT_EQ(gate_.lane(0xFFFFFF), &gate_.lanes()[0]);
  EXPECT_EQ(gate_.lane((1ULL << 56U) | 7U), &gate_.lanes()[1]);
  EXPECT_EQ(gate_.lane(2ULL << 56U), nullptr);
}

TEST_F(GateTest, CountsWhatWasTakenAndNotWhatWasRejected) {
  gate_.open(client_);
  { const Gate::Entry taken(gate_, gate_.lanes()[0]); }
  { const Gate::Entry taken(gate_, gate_.lanes()[1]); }
  {
    Gate::Entry rejected(gate_, gate_.lanes()[1]);
    rejected.reject();
  }
  EXPECT_EQ(gate_.accepted(), 2U);
  EXPECT_EQ(gate_.unreported(), 2U);
  gate_.settle(1);
  EXPECT_EQ(gate_.unreported(), 1U);
  EXPECT_EQ(gate_.accepted(), 2U);
}

TEST_F(GateTest, ClosedGateShowsNoClientAndOpensAgain) {
  EXPECT_EQ(Gate::Entry(gate_, gate_.lanes()[0]).client(), nullptr);
  gate_.open(client_);
  EXPECT_EQ(Gate::Entry(gate_, gate_.lanes()[0]).client(), &client_);
  gate_.close();
  EXPECT_FALSE(gate_.is_open());
  EXPECT_FALSE(gate_.is_shut());
  gate_.open(client_);
  EXPECT_TRUE(gate_.is_open());
}

TEST_F(GateTest, ShutIsForEver) {
  gate_.open(client_);
  gate_.shut();
  gate_.open(client_);
  EXPECT_FALSE(gate_.is_open());
  EXPECT_TRUE(gate_.is_shut());
}

TEST_F(GateTest, CloseWaitsForWhoeverIsInside) {
  gate_.open(client_);
  auto inside = std::make_unique<Gate::Entry>(gate_, gate_.lanes()[1]);
  std::atomic<bool> closed{false};
  std::thread closer([&] {
    gate_.close();
    closed.store(true);
  });
  // Once the door looks shut from outside, the closer is waiting for the one inside.
  while (gate_.is_open()) std::this_thread::yield();
  EXPECT_FALSE(closed.load());
  inside.reset();
  closer.join();
  EXPECT_TRUE(closed.load());
}

TEST_F(GateTest, AwaitRoomWakesThePollOnce) {
  gate_.open(client_);
  Lane& lane = gate_.lanes()[0];
  {
    Gate::Entry entry(gate_, lane);
    entry.reject();
    gate_.await_room(lane);
    gate_.await_room(lane);
  }
  EXPECT_TRUE(lane.waiting.load());
  EXPECT_EQ(lane.queue_full.load(), 2U);
  // An hour: returns because it was woken. Events of the unreachable broker may come first.
  while (client_.poll(3'600'000) != nullptr) {
  }
}

TEST_F(GateTest, NobodyUsesAClosedClient) {
  constexpr int kRounds = 30;
  std::atomic<bool> alive{false};
  std::atomic<bool> stop{false};
  std::atomic<int> used_dead{0};
  std::vector<std::thread> callers;
  for (std::size_t i = 0; i < 2; ++i) {
    callers.emplace_back([&, i] {
      while (!stop.load()) {
        const Gate::Entry entry(gate_, gate_.lanes()[i]);
        if (entry.client() != nullptr && !alive.load()) ++used_dead;
      }
    });
  }
  for (int round = 0; round < kRounds; ++round) {
    alive.store(true);
    gate_.open(client_);
    std::this_thread::yield();
    gate_.close();
    alive.store(false);
  }
  stop.store(true);
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(used_dead.load(), 0);
}

}  // namespace
}  // namespace mqttproxy::kafka
