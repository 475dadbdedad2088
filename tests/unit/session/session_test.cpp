#include "mqttproxy/session/session.hpp"

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace mqttproxy::session {
namespace {

using Time = std::chrono::steady_clock::time_point;
using std::chrono::hours;

constexpr Handle kFirst{1, 0};
constexpr Handle kSecond{2, 0};
constexpr Time kNow{hours(100)};

struct Counted {
  OutboxCounters counters;
};
struct TestRegistry : Counted, Registry {
  explicit TestRegistry(const RegistryLimits& limits = {}) : Registry(limits, counters) {}

  /// Slots of the sessions that a message to `topic` is for, with the granted QoS.
  std::size_t deliver_to(std::string_view topic, mqtt::Qos qos = mqtt::Qos::AtLeastOnce) {
    due.clear();
    const auto payload = std::make_shared<const std::string>("payload");
    return deliver(DeliveryPtr(new Delivery(payload, topic, *payload, qos)), topic,
                   [this](Handle connection) { due.push_back(connection); });
  }
  std::vector<Handle> due;
};

TEST(Registry, MQTT_3_2_2_3_ANewSessionIsNotPresent) {
  TestRegistry registry;
  EXPECT_FALSE(registry.attach("a", false, kFirst).session_present);
  EXPECT_FALSE(registry.attach("b", true, kSecond).session_present);
}

TEST(Registry, MQTT_3_1_2_4_APersistentSessionIsResumed) {
  TestRegistry registry;
  const auto first = registry.attach("a", false, kFirst);
  registry.find(first.session)->unreleased.see(7);
  registry.detach(first.session, kFirst, kNow + hours(1));
  const auto again = registry.attach("a", false, kSecond);
  EXPECT_TRUE(again.session_present);
  EXPECT_FALSE(again.displaced.valid());
  EXPECT_TRUE(registry.find(again.session)->unreleased.storing(7));
}

TEST(Registry, MQTT_3_1_2_6_ACleanStartDiscardsThePreviousSession) {
  TestRegistry registry;
  const auto first = registry.attach("a", false, kFirst);
  registry.detach(first.session, kFirst, kNow + hours(1));
  EXPECT_FALSE(registry.attach("a", true, kSecond).session_present);
  EXPECT_EQ(registry.find(first.session), nullptr);
  EXPECT_EQ(registry.size(), 1U);
}

TEST(Registry, MQTT_3_1_2_6_ACleanSessionIsNotReusedByALaterOne) {
  TestRegistry registry;
  const auto first = registry.attach("a", true, kFirst);
  EXPECT_FALSE(registry.attach("a", false, kSecond).session_present);
  EXPECT_EQ(registry.find(first.session), nullptr);
}

TEST(Registry, MQTT_3_1_4_2_ALaterConnectionDisplacesTheEarlierOneAndSurvivesItsEnd) {
  TestRegistry registry;
  const auto first = registry.attach("a", false, kFirst);
  const auto second = registry.attach("a", false, kSecond);
  EXPECT_EQ(second.displaced, kFirst);
  EXPECT_TRUE(second.session_present);
  registry.detach(first.session, kFirst, kNow);  // the old connection's clean-up comes late
  EXPECT_TRUE(registry.connected("a"));
  EXPECT_EQ(registry.find(second.session)->connection, kSecond);
}

TEST(Registry, MQTT_3_1_2_6_ACleanSessionEndsWithItsConnection) {
  TestRegistry registry;
  const auto attached = registry.attach("a", true, kFirst);
  registry.detach(attached.session, kFirst, kNow + hours(1));
  EXPECT_EQ(registry.size(), 0U);
  EXPECT_FALSE(registry.connected("a"));
}

TEST(Registry, OfflineSessionsExpireAndOnlineOnesDoNot) {
  TestRegistry registry;
  const auto offline = registry.attach("offline", false, kFirst);
  registry.attach("online", false, kSecond);
  registry.detach(offline.session, kFirst, kNow + hours(1));
  EXPECT_EQ(registry.expire(kNow), 0U);
  EXPECT_EQ(registry.expire(kNow + hours(1)), 1U);
  EXPECT_EQ(registry.size(), 1U);
  EXPECT_FALSE(registry.attach("offline", false, kFirst).session_present);
}

TEST(UnreleasedIds, AnIdIsNewOnceUntilReleased) {
  UnreleasedIds ids;
  EXPECT_EQ(ids.see(9), UnreleasedIds::Seen::New);
  EXPECT_EQ(ids.see(9), UnreleasedIds::Seen::Storing);
  EXPECT_TRUE(ids.settle(9, true)) << "somebody waits";
  EXPECT_EQ(ids.see(9), UnreleasedIds::Seen::Stored);
  ids.forget(9);
  EXPECT_EQ(ids.see(9), UnreleasedIds::Seen::New);
  EXPECT_FALSE(ids.settle(9, false)) << "nobody else waits, and it is forgotten";
  EXPECT_EQ(ids.size(), 0U);
}

TEST(UnreleasedIds, KeepsIdsApart) {
  UnreleasedIds ids;
  for (const mqtt::PacketId id : std::initializer_list<mqtt::PacketId>{5, 1, 65535, 3})
    EXPECT_EQ(ids.see(id), UnreleasedIds::Seen::New);
  ids.settle(3, true);
  EXPECT_FALSE(ids.storing(3));
  EXPECT_TRUE(ids.storing(5));
  EXPECT_TRUE(ids.storing(65535));
  EXPECT_FALSE(ids.storing(4));
  EXPECT_EQ(ids.size(), 4U);
}

TEST(Registry, MQTT_3_9_3_2_QoS2IsGrantedAs1) {
  TestRegistry registry;
  const Handle session = registry.attach("a", true, kFirst).session;
  EXPECT_EQ(registry.subscribe(session, "zero", mqtt::Qos::AtMostOnce), 0);
  EXPECT_EQ(registry.subscribe(session, "one", mqtt::Qos::AtLeastOnce), 1);
  EXPECT_EQ(registry.subscribe(session, "two", mqtt::Qos::ExactlyOnce), 1);
}

TEST(Registry, FiltersBeyondTheLimitOfASessionAreRefusedAndKnownOnesReplaced_MQTT_3_8_4_3) {
  TestRegistry registry({{}, 2});
  const Handle session = registry.attach("a", true, kFirst).session;
  EXPECT_EQ(registry.subscribe(session, "x", mqtt::Qos::AtMostOnce), 0);
  EXPECT_EQ(registry.subscribe(session, "y", mqtt::Qos::AtMostOnce), 0);
  EXPECT_EQ(registry.subscribe(session, "z", mqtt::Qos::AtMostOnce), 0x80);
  EXPECT_EQ(registry.subscribe(session, "y", mqtt::Qos::AtLeastOnce), 1);
  EXPECT_EQ(
      registry.subscriptions().list(session.slot, registry.find(session)->filters),
      (std::vector<std::pair<std::string, mqtt::Qos>>{{"x", mqtt::Qos::AtMostOnce}, {"y", mqtt::Qos::AtLeastOnce}}));
  const Handle other = registry.attach("b", true, kSecond).session;
  EXPECT_EQ(registry.subscribe(other, "z", mqtt::Qos::AtMostOnce), 0) << "another session has a limit of its own";
  EXPECT_EQ(registry.subscribe(session, "z", mqtt::Qos::AtMostOnce), 0x80) << "also when the tree knows the filter";
  registry.unsubscribe(session, "x");
  EXPECT_EQ(registry.subscribe(session, "z", mqtt::Qos::AtMostOnce), 0);
}

TEST(Registry, OverlappingFiltersGiveOneCopyAtTheHighestQoS_MQTT_3_3_5_1) {
  TestRegistry registry;
  const Handle session = registry.attach("a", true, kFirst).session;
  for (const char* filter : {"t/#", "t/+", "+/x"})
    EXPECT_LE(registry.subscribe(session, filter, mqtt::Qos::AtMostOnce), 1);
  EXPECT_LE(registry.subscribe(session, "t/x", mqtt::Qos::AtLeastOnce), 1);
  EXPECT_EQ(registry.deliver_to("t/x"), 1U);
  const auto next = registry.find(session)->outbox->take();
  ASSERT_TRUE(next);
  EXPECT_EQ(next->qos, mqtt::Qos::AtLeastOnce);
  EXPECT_FALSE(registry.find(session)->outbox->take());
}

TEST(Registry, AConnectionIsNamedOnceUntilItIsFlushed) {
  TestRegistry registry;
  const Handle session = registry.attach("a", true, kFirst).session;
  EXPECT_LE(registry.subscribe(session, "t", mqtt::Qos::AtLeastOnce), 1);
  EXPECT_EQ(registry.deliver_to("t"), 1U);
  EXPECT_EQ(registry.due, std::vector<Handle>{kFirst});
  EXPECT_EQ(registry.deliver_to("t"), 1U);
  EXPECT_TRUE(registry.due.empty());
  registry.find(session)->flush_due = false;
  EXPECT_EQ(registry.deliver_to("t"), 1U);
  EXPECT_EQ(registry.due, std::vector<Handle>{kFirst});
}

TEST(Registry, MQTT_3_1_2_5_AnOfflineSessionKeepsQoS1AndItsSubscriptions) {
  TestRegistry registry;
  const Handle session = registry.attach("a", false, kFirst).session;
  EXPECT_LE(registry.subscribe(session, "t", mqtt::Qos::AtLeastOnce), 1);
  registry.detach(session, kFirst, kNow);
  EXPECT_EQ(registry.deliver_to("t"), 1U);
  EXPECT_EQ(registry.deliver_to("t", mqtt::Qos::AtMostOnce), 1U);
  EXPECT_TRUE(registry.due.empty());
  EXPECT_EQ(registry.find(session)->outbox->queued(), 1U);
  registry.attach("a", false, kSecond);
  EXPECT_EQ(registry.deliver_to("t"), 1U);
  EXPECT_EQ(registry.due, std::vector<Handle>{kSecond});
}

TEST(Registry, MQTT_3_1_2_6_ACleanSessionTakesItsSubscriptionsAndMessagesWithIt) {
  TestRegistry registry;
  const Handle session = registry.attach("a", true, kFirst).session;
  EXPECT_LE(registry.subscribe(session, "t", mqtt::Qos::AtLeastOnce), 1);
  EXPECT_EQ(registry.deliver_to("t"), 1U);
  registry.detach(session, kFirst, kNow);
  EXPECT_EQ(registry.deliver_to("t"), 0U);
  EXPECT_EQ(registry.subscriptions().tree().nodes(), 0U);
  EXPECT_EQ(registry.counters[OutboxEvent::Queued].get(), 0U);
  // A later session in the same slot inherits nothing.
  const Handle later = registry.attach("b", true, kSecond).session;
  EXPECT_EQ(later.slot, session.slot);
  EXPECT_EQ(registry.find(later)->outbox, nullptr);
  EXPECT_TRUE(registry.find(later)->filters.empty());
}

TEST(Registry, ExpiryAndDeletionLeaveNoSubscriptionBehind) {
  TestRegistry registry;
  const Handle expiring = registry.attach("a", false, kFirst).session;
  EXPECT_LE(registry.subscribe(expiring, "t/#", mqtt::Qos::AtLeastOnce), 1);
  registry.detach(expiring, kFirst, kNow);
  const Handle deleted = registry.attach("b", false, kSecond).session;
  EXPECT_LE(registry.subscribe(deleted, "t/#", mqtt::Qos::AtLeastOnce), 1);
  registry.detach(deleted, kSecond, kNow + hours(1));
  EXPECT_EQ(registry.deliver_to("t"), 2U);
  EXPECT_EQ(registry.expire(kNow), 1U);
  EXPECT_EQ(registry.deliver_to("t"), 1U);
  registry.remove(registry.find("b"));
  registry.remove(registry.find("b"));
  EXPECT_EQ(registry.deliver_to("t"), 0U);
  EXPECT_EQ(registry.size(), 0U);
}

TEST(Registry, MQTT_3_10_4_1_UnsubscribeNeedsTheSameText) {
  TestRegistry registry;
  const Handle session = registry.attach("a", true, kFirst).session;
  EXPECT_LE(registry.subscribe(session, "t/+", mqtt::Qos::AtLeastOnce), 1);
  registry.unsubscribe(session, "t/x");
  registry.unsubscribe(session, "t/#");
  EXPECT_EQ(registry.deliver_to("t/x"), 1U);
  registry.unsubscribe(session, "t/+");
  EXPECT_EQ(registry.deliver_to("t/x"), 0U);
}

}  // namespace
}  // namespace mqttproxy::session
