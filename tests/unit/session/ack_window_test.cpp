#include "mqttproxy/session/ack_window.hpp"

#include <algorithm>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace mqttproxy::session {
namespace {

using mqtt::PacketId;
using mqtt::Qos;

std::vector<PacketId> released(AckWindow& window) {
  std::vector<PacketId> ids;
  window.release([&](const AckWindow::Released& entry) { ids.push_back(entry.packet_id); });
  return ids;
}

TEST(AckWindow, MQTT_4_6_0_2_ReleasesInPublishOrderWhateverTheOrderOfReports) {
  AckWindow window;
  std::vector<AckWindow::Sequence> sequences;
  for (PacketId id = 1; id <= 4; ++id) sequences.push_back(window.push(id, Qos::AtLeastOnce));
  window.complete(sequences[2]);
  window.complete(sequences[1]);
  EXPECT_TRUE(released(window).empty());
  window.complete(sequences[0]);
  EXPECT_EQ(released(window), (std::vector<PacketId>{1, 2, 3}));
  window.complete(sequences[3]);
  EXPECT_EQ(released(window), (std::vector<PacketId>{4}));
  EXPECT_TRUE(window.empty());
}

TEST(AckWindow, AFailedEntryHoldsBackWhatFollowsAndEndsTheWindowWhenItIsTheOldest) {
  AckWindow window;
  const auto first = window.push(1, Qos::AtLeastOnce);
  const auto second = window.push(2, Qos::AtLeastOnce);
  const auto third = window.push(3, Qos::AtLeastOnce);
  EXPECT_FALSE(window.failed());
  window.fail(second);
  window.complete(third);
  EXPECT_TRUE(released(window).empty());
  EXPECT_TRUE(window.failed());
  EXPECT_FALSE(window.front_failed());
  window.complete(first);
  EXPECT_EQ(released(window), (std::vector<PacketId>{1}));
  EXPECT_TRUE(window.front_failed());
}

TEST(AckWindow, KnowsWhenEachPublishWasReadAlsoAfterItHasGrown) {
  AckWindow window;
  for (PacketId id = 1; id <= 9; ++id) window.complete(window.push(id, Qos::AtLeastOnce, 100U + id));
  std::vector<Stamp> read_at;
  window.release([&](const AckWindow::Released& entry) { read_at.push_back(entry.read_at - entry.packet_id); });
  EXPECT_EQ(read_at, std::vector<Stamp>(9, 100));
}

TEST(StampTest, CountsMicrosecondsOverItsWrap) {
  using std::chrono::steady_clock;
  const steady_clock::time_point time{std::chrono::hours(1'000)};
  EXPECT_EQ(elapsed_us(stamp(time), stamp(time + std::chrono::milliseconds(16))), 16'000U);
  EXPECT_EQ(elapsed_us(stamp(time), stamp(time + std::chrono::hours(18))), 64'800'000'000U);
  EXPECT_EQ(elapsed_us(0xFFFF'FFFFU, 1), 32U);
}

TEST(AckWindow, IgnoresSequencesItDoesNotHold) {
  AckWindow window;
  window.complete(0);
  const auto sequence = window.push(7, Qos::AtLeastOnce);
  window.complete(sequence + 1);
  window.fail(sequence - 1);
  EXPECT_TRUE(released(window).empty());
  window.complete(sequence);
  window.fail(sequence);  // too late
  EXPECT_EQ(released(window), (std::vector<PacketId>{7}));
  window.complete(sequence);
  EXPECT_TRUE(window.empty());
}

TEST(AckWindow, SettlesEveryPendingQos2EntryOfAnId) {
  AckWindow window;
  window.push(5, Qos::ExactlyOnce);
  window.push(5, Qos::AtLeastOnce);
  window.push(5, Qos::ExactlyOnce);
  window.settle(5, true);
  EXPECT_EQ(released(window), (std::vector<PacketId>{5}));
  EXPECT_EQ(window.size(), 2U);
}

TEST(AckWindow, RandomReportsAlwaysComeOutInOrderAcrossGrowth) {
  std::mt19937 random(42);
  AckWindow window;
  std::vector<AckWindow::Sequence> pending;
  std::vector<PacketId> out;
  PacketId next = 1;
  for (int step = 0; step < 20'000; ++step) {
    if (pending.size() < 300 && random() % 2 == 0) {
      pending.push_back(window.push(next++, Qos::AtLeastOnce));
    } else if (!pending.empty()) {
      const std::size_t i = random() % pending.size();
      window.complete(pending[i]);
      pending.erase(pending.begin() + static_cast<std::ptrdiff_t>(i));
    }
    std::ranges::copy(released(window), std::back_inserter(out));
  }
  for (const auto sequence : pending) window.complete(sequence);
  std::ranges::copy(released(window), std::back_inserter(out));
  ASSERT_EQ(out.size(), static_cast<std::size_t>(next - 1));
  EXPECT_TRUE(std::ranges::is_sorted(out));
}

}  // namespace
}  // namespace mqttproxy::session
