#include "mqttproxy/session/outbox.hpp"

#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "mqttproxy/mqtt/codec.hpp"

namespace mqttproxy::session {
namespace {

using mqtt::Qos;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

DeliveryPtr message(std::string_view payload, Qos qos = Qos::AtLeastOnce) {
  auto owner = std::make_shared<const std::string>(payload);
  const std::string_view kept = *owner;
  return DeliveryPtr(new Delivery(std::move(owner), "t", kept, qos));
}

class OutboxTest : public ::testing::Test {
 protected:
  OutboxLimits limits;
  OutboxCounters counters;
  Outbox outbox{limits, counters};

  void offer(std::string_view payload, Qos qos = Qos::AtLeastOnce, bool online = true) {
    outbox.offer(message(payload, qos), Qos::AtLeastOnce, online);
  }
  /// "payload:packet id", with a "+" in front of a repetition.
  std::vector<std::string> take_all() {
    std::vector<std::string> taken;
    while (const auto next = outbox.take()) {
      taken.push_back((next->dup ? "+" : "") + std::string(next->delivery->payload()) +
                      (next->qos == Qos::AtMostOnce ? "" : ":" + std::to_string(next->packet_id)));
    }
    return taken;
  }
  std::uint64_t count(OutboxEvent event) const { return counters[event].get(); }
};

TEST_F(OutboxTest, messages_leave_in_the_order_of_their_arrival_MQTT_4_6_0_6) {
  offer("a");
  offer("b", Qos::AtMostOnce);
  offer("c");
  EXPECT_EQ(outbox.queued(), 3U);
  EXPECT_THAT(take_all(), ElementsAre("a:1", "b", "c:2"));
  EXPECT_EQ(outbox.queued(), 0U);
  EXPECT_EQ(outbox.queued_bytes(), 0U);
  EXPECT_EQ(outbox.inflight(), 2U);
  EXPECT_EQ(count(OutboxEvent::Sent0), 1U);
  EXPECT_EQ(count(OutboxEvent::Sent1), 2U);
}

TEST_F(OutboxTest, the_qos_is_the_lower_of_published_and_granted_MQTT_3_8_4_6) {
  outbox.offer(message("a", Qos::AtLeastOnce), Qos::AtMostOnce, true);
  outbox.offer(message("b", Qos::AtMostOnce), Qos::AtLeastOnce, true);
  EXPECT_THAT(take_all(), ElementsAre("a", "b"));
}

TEST_F(OutboxTest, a_full_window_holds_back_everything_behind_it) {
  limits.inflight = 2;
  for (const char* payload : {"a", "b", "c"}) offer(payload);
  offer("d", Qos::AtMostOnce);
  EXPECT_THAT(take_all(), ElementsAre("a:1", "b:2"));
  EXPECT_TRUE(outbox.acknowledge(1));
  EXPECT_THAT(take_all(), ElementsAre("c:3", "d"));
}

TEST_F(OutboxTest, acknowledgements_out_of_turn_free_the_window_once_the_oldest_is_there) {
  limits.inflight = 3;
  for (const char* payload : {"a", "b", "c", "d"}) offer(payload);
  EXPECT_EQ(take_all().size(), 3U);
  EXPECT_TRUE(outbox.acknowledge(2));
  EXPECT_FALSE(outbox.acknowledge(2)) << "twice";
  EXPECT_FALSE(outbox.acknowledge(9)) << "never sent";
  EXPECT_THAT(take_all(), IsEmpty());
  EXPECT_TRUE(outbox.acknowledge(1));
  EXPECT_EQ(outbox.inflight(), 1U);
  EXPECT_THAT(take_all(), ElementsAre("d:4"));
  EXPECT_EQ(count(OutboxEvent::Acknowledged), 2U);
}

TEST_F(OutboxTest, packet_ids_are_never_0_and_never_in_flight_MQTT_2_3_1_1_MQTT_2_3_1_4) {
  limits.inflight = 3;
  offer("first");
  offer("second");
  EXPECT_THAT(take_all(), ElementsAre("first:1", "second:2"));
  EXPECT_TRUE(outbox.acknowledge(1));
  for (unsigned id = 3; id <= 65'535; ++id) {
    offer("x");
    const auto next = outbox.take();
    ASSERT_TRUE(next);
    ASSERT_EQ(next->packet_id, id);
    EXPECT_TRUE(outbox.acknowledge(next->packet_id));
    if (id == 4) {
      EXPECT_TRUE(outbox.acknowledge(2));
    }
  }
  offer("wrapped");
  EXPECT_THAT(take_all(), ElementsAre("wrapped:1"));
}

TEST_F(OutboxTest, a_window_of_all_ids_repeats_none) {
  limits.inflight = 65'535;
  limits.queue_messages = 100'000;
  for (int i = 0; i < 65'536; ++i) offer("x");
  std::vector<bool> seen(65'536);
  while (const auto next = outbox.take()) {
    ASSERT_NE(next->packet_id, 0);
    ASSERT_FALSE(seen[next->packet_id]);
    seen[next->packet_id] = true;
  }
  EXPECT_EQ(outbox.inflight(), 65'535U);
  EXPECT_EQ(outbox.queued(), 1U);
}

TEST_F(OutboxTest, a_new_connection_gets_what_is_in_flight_first_in_order_with_dup_MQTT_4_4_0_1_MQTT_3_3_1_1) {
  limits.inflight = 3;
  for (const char* payload : {"a", "b", "c", "d", "e"}) offer(payload);
  EXPECT_THAT(take_all(), ElementsAre("a:1", "b:2", "c:3"));
  EXPECT_TRUE(outbox.acknowledge(2));
  outbox.go_offline();
  outbox.rewind();
  EXPECT_THAT(take_all(), ElementsAre("+a:1", "+c:3"));
  EXPECT_TRUE(outbox.acknowledge(1));
  EXPECT_THAT(take_all(), ElementsAre("d:4", "e:5"));
  EXPECT_EQ(count(OutboxEvent::Resent), 2U);
}

TEST_F(OutboxTest, an_acknowledgement_during_the_repetition_skips_nothing) {
  for (const char* payload : {"a", "b", "c"}) offer(payload);
  EXPECT_EQ(take_all().size(), 3U);
  outbox.rewind();
  const auto first = outbox.take();
  ASSERT_TRUE(first);
  EXPECT_EQ(first->packet_id, 1);
  EXPECT_TRUE(outbox.acknowledge(1));
  EXPECT_THAT(take_all(), ElementsAre("+b:2", "+c:3"));
}

TEST_F(OutboxTest, a_full_queue_drops_the_oldest) {
  limits.queue_messages = 2;
  for (const char* payload : {"a", "b", "c"}) offer(payload);
  EXPECT_EQ(count(OutboxEvent::DroppedFull), 1U);
  EXPECT_THAT(take_all(), ElementsAre("b:1", "c:2"));
}

TEST_F(OutboxTest, a_full_queue_drops_the_newest_when_told_so) {
  limits.queue_messages = 2;
  limits.drop_newest = true;
  for (const char* payload : {"a", "b", "c"}) offer(payload);
  EXPECT_EQ(count(OutboxEvent::DroppedFull), 1U);
  EXPECT_THAT(take_all(), ElementsAre("a:1", "b:2"));
}

TEST_F(OutboxTest, the_queue_is_bounded_in_bytes) {
  limits.queue_bytes = 2 * message("1234")->bytes();
  for (const char* payload : {"1234", "5678", "9"}) offer(payload);
  EXPECT_LE(outbox.queued_bytes(), limits.queue_bytes);
  EXPECT_EQ(count(OutboxEvent::QueuedBytes), outbox.queued_bytes());
  offer(std::string(1'000, 'x'));  // larger than all of the queue: nothing is sacrificed for it
  EXPECT_EQ(count(OutboxEvent::DroppedFull), 2U);
  EXPECT_THAT(take_all(), ElementsAre("5678:1", "9:2"));
}

TEST_F(OutboxTest, without_memory_the_queue_does_not_grow) {
  limits.no_memory = [] { return true; };
  offer("a");  // one message may always wait
  offer("b");
  EXPECT_EQ(count(OutboxEvent::DroppedFull), 1U);
  offer("c", Qos::AtMostOnce);
  EXPECT_EQ(count(OutboxEvent::DroppedSlow), 1U);
  limits.drop_newest = true;
  offer("d");
  EXPECT_EQ(count(OutboxEvent::DroppedFull), 2U);
  EXPECT_THAT(take_all(), ElementsAre("b:1"));
}

TEST_F(OutboxTest, qos_0_never_takes_the_place_of_another_message) {
  limits.queue_messages = 2;
  offer("a");
  offer("b");
  offer("c", Qos::AtMostOnce);
  EXPECT_EQ(count(OutboxEvent::DroppedSlow), 1U);
  EXPECT_THAT(take_all(), ElementsAre("a:1", "b:2"));
}

TEST_F(OutboxTest, qos_0_beyond_the_byte_budget_is_dropped_and_qos_1_waits) {
  limits.unsent_bytes = 2 * message("1234")->bytes();
  offer("1234", Qos::AtMostOnce);
  offer("5678", Qos::AtMostOnce);
  offer("9", Qos::AtMostOnce);
  offer("kept");
  EXPECT_EQ(count(OutboxEvent::DroppedSlow), 1U);
  EXPECT_THAT(take_all(), ElementsAre("1234", "5678", "kept:1"));
}

TEST_F(OutboxTest, a_message_larger_than_the_budget_passes_when_nothing_waits) {
  limits.unsent_bytes = 8;
  offer("much more than eight bytes", Qos::AtMostOnce);
  EXPECT_EQ(take_all().size(), 1U);
}

TEST_F(OutboxTest, qos_0_is_not_kept_for_who_is_not_there) {
  offer("a", Qos::AtMostOnce, false);
  offer("b", Qos::AtLeastOnce, false);
  EXPECT_EQ(count(OutboxEvent::DroppedOffline), 1U);
  EXPECT_THAT(take_all(), ElementsAre("b:1"));
}

TEST_F(OutboxTest, qos_0_goes_with_its_connection) {
  offer("a", Qos::AtMostOnce);
  offer("b");
  offer("c", Qos::AtMostOnce);
  offer("d");
  outbox.go_offline();
  EXPECT_EQ(count(OutboxEvent::DroppedOffline), 2U);
  EXPECT_THAT(take_all(), ElementsAre("b:1", "d:2"));
}

TEST(Outbox, gauges_are_those_of_the_living) {
  OutboxCounters counters;
  const OutboxLimits limits;
  {
    Outbox outbox(limits, counters);
    outbox.offer(message("a"), Qos::AtLeastOnce, true);
    outbox.offer(message("b"), Qos::AtLeastOnce, true);
    ASSERT_TRUE(outbox.take());
    EXPECT_EQ(counters[OutboxEvent::Queued].get(), 1U);
    EXPECT_EQ(counters[OutboxEvent::Inflight].get(), 1U);
  }
  EXPECT_EQ(counters[OutboxEvent::Queued].get(), 0U);
  EXPECT_EQ(counters[OutboxEvent::QueuedBytes].get(), 0U);
  EXPECT_EQ(counters[OutboxEvent::Inflight].get(), 0U);
}

TEST(Delivery, is_encoded_as_the_codec_does) {
  const DeliveryPtr delivery = message("payload");
  for (const bool dup : {false, true}) {
    std::string expected = "before";
    mqtt::encode_publish(
        expected, {.topic = "t", .payload = "payload", .packet_id = 0xABCD, .qos = Qos::AtLeastOnce, .dup = dup});
    std::string bytes = "before";
    delivery->encode_head(bytes, Qos::AtLeastOnce, 0xABCD, dup);
    EXPECT_EQ(bytes + std::string(delivery->payload()), expected);
  }
  std::string expected;
  mqtt::encode_publish(expected, {.topic = "t", .payload = "payload"});
  std::string bytes;
  delivery->encode_head(bytes, Qos::AtMostOnce, 0, false);
  EXPECT_EQ(bytes + std::string(delivery->payload()), expected);
}

}  // namespace
}  // namespace mqttproxy::session
