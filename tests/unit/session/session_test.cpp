#include "mqttproxy/session/session.hpp"

#include <chrono>

#include <gtest/gtest.h>

namespace mqttproxy::session {
namespace {

using Time = std::chrono::steady_clock::time_point;
using std::chrono::hours;

constexpr Handle kFirst{1, 0};
constexpr Handle kSecond{2, 0};
constexpr Time kNow{hours(100)};

TEST(Registry, MQTT_3_2_2_3_ANewSessionIsNotPresent) {
  Registry registry;
  EXPECT_FALSE(registry.attach("a", false, kFirst).session_present);
  EXPECT_FALSE(registry.attach("b", true, kSecond).session_present);
}

TEST(Registry, MQTT_3_1_2_4_APersistentSessionIsResumed) {
  Registry registry;
  const auto first = registry.attach("a", false, kFirst);
  registry.find(first.session)->unreleased.see(7);
  registry.detach(first.session, kFirst, kNow + hours(1));
  const auto again = registry.attach("a", false, kSecond);
  EXPECT_TRUE(again.session_present);
  EXPECT_FALSE(again.displaced.valid());
  EXPECT_TRUE(registry.find(again.session)->unreleased.storing(7));
}

TEST(Registry, MQTT_3_1_2_6_ACleanStartDiscardsThePreviousSession) {
  Registry registry;
  const auto first = registry.attach("a", false, kFirst);
  registry.detach(first.session, kFirst, kNow + hours(1));
  EXPECT_FALSE(registry.attach("a", true, kSecond).session_present);
  EXPECT_EQ(registry.find(first.session), nullptr);
  EXPECT_EQ(registry.size(), 1U);
}

TEST(Registry, MQTT_3_1_2_6_ACleanSessionIsNotReusedByALaterOne) {
  Registry registry;
  const auto first = registry.attach("a", true, kFirst);
  EXPECT_FALSE(registry.attach("a", false, kSecond).session_present);
  EXPECT_EQ(registry.find(first.session), nullptr);
}

TEST(Registry, MQTT_3_1_4_2_ALaterConnectionDisplacesTheEarlierOneAndSurvivesItsEnd) {
  Registry registry;
  const auto first = registry.attach("a", false, kFirst);
  const auto second = registry.attach("a", false, kSecond);
  EXPECT_EQ(second.displaced, kFirst);
  EXPECT_TRUE(second.session_present);
  registry.detach(first.session, kFirst, kNow);  // the old connection's clean-up comes late
  EXPECT_TRUE(registry.connected("a"));
  EXPECT_EQ(registry.find(second.session)->connection, kSecond);
}

TEST(Registry, MQTT_3_1_2_6_ACleanSessionEndsWithItsConnection) {
  Registry registry;
  const auto attached = registry.attach("a", true, kFirst);
  registry.detach(attached.session, kFirst, kNow + hours(1));
  EXPECT_EQ(registry.size(), 0U);
  EXPECT_FALSE(registry.connected("a"));
}

TEST(Registry, OfflineSessionsExpireAndOnlineOnesDoNot) {
  Registry registry;
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

}  // namespace
}  // namespace mqttproxy::session
