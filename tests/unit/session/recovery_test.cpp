// What a session that comes back from a store is owed, and in which order it gets it.
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "mqttproxy/session/outbox.hpp"

namespace mqttproxy::session {
namespace {

using mqtt::PacketId;
using mqtt::Qos;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

DeliveryPtr message(std::string_view payload, Qos qos = Qos::AtLeastOnce, Position position = {}) {
  auto owner = std::make_shared<const std::string>(payload);
  const std::string_view kept = *owner;
  return DeliveryPtr(new Delivery(std::move(owner), "t", kept, qos, position));
}

class RecoveryTest : public ::testing::Test {
 protected:
  OutboxLimits limits{.inflight = 3, .queue_messages = 4};
  OutboxCounters counters;
  Outbox outbox{limits, counters};

  void SetUp() override { outbox.begin_recovery(); }
  void offer(std::string_view payload, Qos qos = Qos::AtLeastOnce) {
    outbox.offer(message(payload, qos), Qos::AtLeastOnce, true);
  }
  void recover(std::string_view payload, PacketId packet_id = 0) { outbox.recover(message(payload), packet_id); }
  /// "payload:packet id", with a "+" in front of a repetition.
  std::vector<std::string> take_all() {
    std::vector<std::string> taken;
    while (const auto next = outbox.take()) {
      taken.push_back((next->dup ? "+" : "") + std::string(next->delivery->payload()) +
                      (next->qos == Qos::AtMostOnce ? "" : ":" + std::to_string(next->packet_id)));
    }
    return taken;
  }
  [[nodiscard]] std::uint64_t count(OutboxEvent event) const { return counters[event].get(); }
};

TEST_F(RecoveryTest, what_was_missed_comes_before_what_is_new_MQTT_4_6_0_6) {
  offer("new");
  offer("newer", Qos::AtMostOnce);
  EXPECT_THAT(take_all(), IsEmpty());
  recover("missed");
  EXPECT_THAT(take_all(), ElementsAre("missed:1")) << "at once";
  recover("missed too");
  EXPECT_EQ(outbox.queued(), 3U);
  outbox.end_recovery();
  EXPECT_THAT(take_all(), ElementsAre("missed too:2", "new:3", "newer"));
  EXPECT_EQ(outbox.queued(), 0U);
  EXPECT_EQ(outbox.queued_bytes(), 0U);
}

TEST_F(RecoveryTest, what_was_in_flight_keeps_its_packet_id_and_has_dup_MQTT_4_4_0_1_MQTT_3_3_1_1) {
  recover("a", 7);
  recover("b", 8);
  recover("c");
  outbox.end_recovery();
  EXPECT_EQ(outbox.inflight(), 2U);
  EXPECT_THAT(take_all(), ElementsAre("+a:7", "+b:8", "c:9")) << "ids go on behind them";
  EXPECT_EQ(count(OutboxEvent::Resent), 2U);
  for (const PacketId id : std::initializer_list<PacketId>{7, 8, 9}) EXPECT_TRUE(outbox.acknowledge(id));
  EXPECT_EQ(outbox.inflight(), 0U);
  EXPECT_EQ(count(OutboxEvent::Inflight), 0U);
}

TEST_F(RecoveryTest, ids_acknowledged_out_of_turn_stay_used_until_the_oldest_is_MQTT_2_3_1_4) {
  recover("a", 7);
  recover("c", 9);
  recover("d");
  EXPECT_EQ(outbox.inflight(), 3U);
  EXPECT_EQ(count(OutboxEvent::Inflight), 3U);
  EXPECT_THAT(take_all(), ElementsAre("+a:7", "+c:9"));
  EXPECT_FALSE(outbox.acknowledge(8)) << "the one between is acknowledged";
  EXPECT_TRUE(outbox.acknowledge(7));
  EXPECT_EQ(outbox.inflight(), 1U);
  EXPECT_THAT(take_all(), ElementsAre("d:10"));
}

TEST_F(RecoveryTest, ids_go_on_after_the_last_one_there_is_MQTT_2_3_1_1) {
  recover("a", 65'535);
  recover("b", 1);
  recover("c");
  EXPECT_THAT(take_all(), ElementsAre("+a:65535", "+b:1", "c:2"));
}

TEST_F(RecoveryTest, an_id_beyond_the_window_makes_a_new_message) {
  recover("a", 7);
  recover("far", 10);
  recover("behind it", 8);
  EXPECT_THAT(take_all(), ElementsAre("+a:7", "far:8", "behind it:9"));
}

TEST_F(RecoveryTest, an_id_that_is_in_flight_is_not_used_twice_MQTT_2_3_1_4) {
  recover("a", 7);
  recover("again", 7);
  EXPECT_THAT(take_all(), ElementsAre("+a:7", "again:8"));
  recover("lower", 6);
  EXPECT_THAT(take_all(), ElementsAre("lower:9"));
}

TEST(Recovery, no_id_is_repeated_in_the_largest_window_MQTT_2_3_1_4) {
  const OutboxLimits limits{.inflight = 65'535};
  OutboxCounters counters;
  Outbox outbox(limits, counters);
  outbox.begin_recovery();
  outbox.recover(message("a"), 7);
  outbox.recover(message("b"), 7);
  ASSERT_TRUE(outbox.take());
  const auto second = outbox.take();
  ASSERT_TRUE(second);
  EXPECT_EQ(second->packet_id, 8);
  EXPECT_FALSE(second->dup);
}

TEST_F(RecoveryTest, an_acknowledgement_during_the_recovery_is_one_as_ever) {
  recover("a", 7);
  EXPECT_THAT(take_all(), ElementsAre("+a:7"));
  EXPECT_TRUE(outbox.acknowledge(7));
  recover("b", 9);
  EXPECT_THAT(take_all(), ElementsAre("+b:9")) << "no place is kept for what is behind it";
  EXPECT_EQ(outbox.inflight(), 1U);
}

TEST_F(RecoveryTest, all_that_was_owed_has_a_place) {
  // As many as can wait and be in flight, none of them under an id that fits.
  for (unsigned i = 0; i < 7; ++i) recover(std::to_string(i));
  EXPECT_EQ(outbox.queued(), 7U);
  EXPECT_EQ(count(OutboxEvent::DroppedFull), 0U);
  recover("7");
  EXPECT_EQ(count(OutboxEvent::DroppedFull), 1U);
  EXPECT_THAT(take_all(), ElementsAre("1:1", "2:2", "3:3"));
}

TEST_F(RecoveryTest, a_full_queue_drops_the_oldest_missed_or_held_back) {
  for (unsigned i = 0; i < 3; ++i) recover("missed " + std::to_string(i));
  for (unsigned i = 0; i < 5; ++i) offer("new " + std::to_string(i));
  EXPECT_EQ(count(OutboxEvent::DroppedFull), 1U);
  EXPECT_THAT(take_all(), ElementsAre("missed 1:1", "missed 2:2"));
  for (unsigned i = 5; i < 8; ++i) offer("new " + std::to_string(i));
  EXPECT_EQ(count(OutboxEvent::DroppedFull), 2U) << "with nothing else to drop, of what is held back";
  offer("never", Qos::AtMostOnce);
  EXPECT_EQ(count(OutboxEvent::DroppedSlow), 1U);
  outbox.end_recovery();
  EXPECT_THAT(take_all(), ElementsAre("new 1:3"));
}

TEST_F(RecoveryTest, the_byte_limit_holds_for_what_is_missed_too) {
  limits.queue_bytes = 2 * message("1234")->bytes();
  recover("1234");
  offer("5678");
  recover("9abc");
  EXPECT_EQ(count(OutboxEvent::DroppedFull), 1U);
  recover(std::string(1'000, 'x'));
  EXPECT_EQ(count(OutboxEvent::DroppedFull), 2U);
  EXPECT_EQ(outbox.queued_bytes(), limits.queue_bytes);
  outbox.end_recovery();
  EXPECT_THAT(take_all(), ElementsAre("9abc:1", "5678:2"));
}

TEST_F(RecoveryTest, qos_0_held_back_is_bounded_like_what_waits) {
  limits.unsent_bytes = message("1234")->bytes();
  offer("1234", Qos::AtMostOnce);
  offer("5678", Qos::AtMostOnce);
  EXPECT_EQ(count(OutboxEvent::DroppedSlow), 1U);
  outbox.end_recovery();
  EXPECT_THAT(take_all(), ElementsAre("1234"));
}

TEST_F(RecoveryTest, what_is_owed_is_listed_in_order_with_the_ids_in_flight) {
  const auto owed = [this] {
    std::vector<std::string> listed;
    outbox.for_each_owed([&](Position at, PacketId packet_id) {
      listed.push_back(std::to_string(at.partition) + "/" + std::to_string(at.offset) + ":" +
                       std::to_string(packet_id));
    });
    return listed;
  };
  outbox.recover(message("a", Qos::AtLeastOnce, {0, 1}), 7);
  outbox.recover(message("b", Qos::AtLeastOnce, {1, 5}), 9);
  outbox.recover(message("c", Qos::AtLeastOnce, {0, 3}), 0);
  outbox.offer(message("d", Qos::AtMostOnce, {0, 4}), Qos::AtLeastOnce, true);
  outbox.offer(message("e", Qos::AtLeastOnce, {0, 5}), Qos::AtLeastOnce, true);
  EXPECT_THAT(owed(), ElementsAre("0/1:7", "1/5:9", "0/3:0", "0/5:0"));
  std::uint32_t version = outbox.version();
  EXPECT_EQ(take_all().size(), 2U);
  EXPECT_TRUE(outbox.acknowledge(7));
  EXPECT_NE(outbox.version(), version);
  version = outbox.version();
  EXPECT_THAT(owed(), ElementsAre("1/5:9", "0/3:0", "0/5:0"));
  EXPECT_EQ(take_all().size(), 1U);
  EXPECT_NE(outbox.version(), version);
  EXPECT_THAT(owed(), ElementsAre("1/5:9", "0/3:10", "0/5:0"));
}

TEST(Recovery, gauges_are_those_of_the_living) {
  const OutboxLimits limits;
  OutboxCounters counters;
  {
    Outbox outbox(limits, counters);
    outbox.begin_recovery();
    outbox.recover(message("a"), 1);
    outbox.recover(message("b"), 3);
    outbox.recover(message("c"), 0);
    outbox.offer(message("d"), Qos::AtLeastOnce, true);
    EXPECT_EQ(counters[OutboxEvent::Queued].get(), 2U);
    EXPECT_EQ(counters[OutboxEvent::Inflight].get(), 3U);
  }
  EXPECT_EQ(counters[OutboxEvent::Queued].get(), 0U);
  EXPECT_EQ(counters[OutboxEvent::QueuedBytes].get(), 0U);
  EXPECT_EQ(counters[OutboxEvent::Inflight].get(), 0U);
}

}  // namespace
}  // namespace mqttproxy::session
