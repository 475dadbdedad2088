// Sessions whose state is stored outside: here only while they are connected.
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "mqttproxy/session/session.hpp"

namespace mqttproxy::session {
namespace {

using mqtt::Qos;
using std::chrono::hours;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr Handle kFirst{1, 0};
constexpr Handle kSecond{2, 0};
constexpr std::chrono::steady_clock::time_point kNow{hours(100)};

class StoredSessionTest : public ::testing::Test {
 protected:
  OutboxCounters counters;
  Registry registry{{{}, 3}, counters};

  Handle resume(Handle connection, bool unbroken = true, bool clean_session = false) {
    return registry.resume("a", clean_session, connection, unbroken);
  }
  [[nodiscard]] StoredSession& stored(Handle session) { return *registry.find(session)->stored; }
  void deliver(std::int32_t partition, std::int64_t offset) {
    const auto payload = std::make_shared<const std::string>("payload");
    const DeliveryPtr delivery(new Delivery(payload, "t", *payload, Qos::AtLeastOnce, {partition, offset}));
    registry.deliver(delivery, "t", [](Handle) {});
  }
  /// Offsets of what was offered to the session.
  std::vector<std::int64_t> offered(Handle session) {
    std::vector<std::int64_t> offsets;
    if (const auto& outbox = registry.find(session)->outbox) {
      outbox->for_each_owed([&](Position at, mqtt::PacketId) { offsets.push_back(at.offset); });
    }
    return offsets;
  }
  std::vector<std::string> reviewed(bool again) {
    std::vector<std::string> seen;
    registry.review([&](const Session& session) {
      seen.push_back(session.client_id);
      return again;
    });
    return seen;
  }
};

TEST_F(StoredSessionTest, is_here_while_its_connection_is) {
  const Handle session = resume(kFirst);
  registry.restore(session, "t", Qos::AtLeastOnce);
  EXPECT_TRUE(registry.connected("a"));
  registry.detach(session, kFirst, kNow + hours(1));
  EXPECT_EQ(registry.find(session), nullptr);
  EXPECT_EQ(registry.size(), 0U);
  EXPECT_EQ(registry.subscriptions().tree().subscriptions(), 0U);
}

TEST_F(StoredSessionTest, its_filters_are_put_back_whatever_the_limits) {
  const Handle session = resume(kFirst);
  for (const char* filter : {"t", "u", "v", "w"}) registry.restore(session, filter, Qos::AtLeastOnce);
  EXPECT_EQ(registry.find(session)->filters.size(), 4U);
  EXPECT_FALSE(stored(session).filters_changed);
  EXPECT_EQ(registry.subscribe(session, "x", Qos::AtLeastOnce), 0x80);
}

TEST_F(StoredSessionTest, knows_when_its_filters_are_others) {
  const Handle session = resume(kFirst);
  registry.restore(session, "t", Qos::AtLeastOnce);
  const auto changed = [&] { return std::exchange(stored(session).filters_changed, false); };
  EXPECT_EQ(registry.subscribe(session, "t", Qos::ExactlyOnce), 1);
  EXPECT_FALSE(changed()) << "the same again";
  EXPECT_EQ(registry.subscribe(session, "t", Qos::AtMostOnce), 0);
  EXPECT_TRUE(changed());
  EXPECT_EQ(registry.subscribe(session, "u", Qos::AtMostOnce), 0);
  EXPECT_TRUE(changed());
  registry.unsubscribe(session, "v");
  EXPECT_FALSE(changed()) << "it never had it";
  registry.unsubscribe(session, "u");
  EXPECT_TRUE(changed());
}

TEST_F(StoredSessionTest, has_a_limit_for_the_text_of_its_filters_MQTT_3_9_3_2) {
  const Handle session = resume(kFirst);
  const std::string large(kStoredFilterBytes - 1, 'x');
  EXPECT_EQ(registry.subscribe(session, large, Qos::AtLeastOnce), 1);
  EXPECT_EQ(registry.subscribe(session, "t", Qos::AtLeastOnce), 1);
  EXPECT_EQ(registry.subscribe(session, "u", Qos::AtLeastOnce), 0x80);
  EXPECT_EQ(registry.subscribe(session, "t", Qos::AtMostOnce), 0) << "known ones take no more";
  registry.unsubscribe(session, "t");
  EXPECT_EQ(registry.subscribe(session, "u", Qos::AtLeastOnce), 1);
}

TEST_F(StoredSessionTest, a_clean_one_has_no_such_limit_and_no_stored_state) {
  const Handle session = resume(kFirst, true, true);
  EXPECT_EQ(registry.find(session)->stored, nullptr);
  EXPECT_EQ(registry.subscribe(session, std::string(kStoredFilterBytes + 1, 'x'), Qos::AtLeastOnce), 1);
}

TEST_F(StoredSessionTest, leaves_its_qos_2_ids_for_when_it_comes_back_MQTT_4_3_3_2) {
  const Handle session = resume(kFirst);
  registry.restore(session, "t", Qos::AtLeastOnce);
  deliver(0, 1);
  registry.find(session)->unreleased.see(7);
  registry.detach(session, kFirst, kNow + hours(1));
  EXPECT_FALSE(registry.connected("a"));
  EXPECT_EQ(registry.subscriptions().tree().subscriptions(), 0U);
  EXPECT_EQ(counters[OutboxEvent::Queued].get(), 0U);
  // Its record is stored only now.
  ASSERT_NE(registry.find(session), nullptr);
  EXPECT_FALSE(registry.find(session)->unreleased.settle(7, true));
  ASSERT_EQ(resume(kSecond), session);
  EXPECT_EQ(registry.find(session)->unreleased.see(7), UnreleasedIds::Seen::Stored);
  EXPECT_EQ(registry.find(session)->connection, kSecond);
  EXPECT_TRUE(registry.find(session)->filters.empty());
}

TEST_F(StoredSessionTest, its_qos_2_ids_are_worth_nothing_after_another_node_has_served_it) {
  const Handle session = resume(kFirst);
  registry.find(session)->unreleased.see(7);
  registry.detach(session, kFirst, kNow + hours(1));
  const Handle again = resume(kSecond, false);
  EXPECT_EQ(registry.find(again)->unreleased.see(7), UnreleasedIds::Seen::New);
  EXPECT_EQ(registry.find(session), nullptr);
}

TEST_F(StoredSessionTest, a_clean_start_drops_its_qos_2_ids_MQTT_3_1_2_6) {
  const Handle session = resume(kFirst);
  registry.find(session)->unreleased.see(7);
  registry.detach(session, kFirst, kNow + hours(1));
  const Handle again = resume(kSecond, true, true);
  EXPECT_EQ(registry.find(again)->unreleased.size(), 0U);
  EXPECT_EQ(registry.size(), 1U);
}

TEST_F(StoredSessionTest, what_is_left_of_it_expires_and_is_not_counted_as_a_session) {
  const Handle session = resume(kFirst);
  registry.find(session)->unreleased.see(7);
  registry.detach(session, kFirst, kNow + hours(1));
  EXPECT_EQ(registry.expire(kNow + hours(1)), 0U);
  EXPECT_EQ(registry.size(), 0U);
}

TEST_F(StoredSessionTest, is_not_given_live_what_comes_before_its_position) {
  const Handle session = resume(kFirst);
  registry.restore(session, "t", Qos::AtLeastOnce);
  stored(session).from = {5, 0};
  deliver(0, 4);
  EXPECT_FALSE(stored(session).watched);
  deliver(0, 5);
  deliver(1, 1);
  deliver(2, 2);
  deliver(-1, -1);
  EXPECT_THAT(offered(session), ElementsAre(5, 1, 2, -1));
  stored(session).from.clear();
  deliver(0, 3);
  EXPECT_THAT(offered(session), ElementsAre(5, 1, 2, -1, 3));
}

TEST_F(StoredSessionTest, is_looked_at_after_a_message_for_as_long_as_wanted) {
  const Handle session = resume(kFirst);
  registry.restore(session, "t", Qos::AtLeastOnce);
  EXPECT_EQ(registry.subscribe(registry.attach("clean", true, kSecond).session, "t", Qos::AtLeastOnce), 1);
  EXPECT_THAT(reviewed(true), IsEmpty());
  deliver(0, 1);
  deliver(0, 2);
  EXPECT_THAT(reviewed(true), ElementsAre("a"));
  EXPECT_THAT(reviewed(false), ElementsAre("a"));
  EXPECT_THAT(reviewed(true), IsEmpty());
  deliver(0, 3);
  EXPECT_THAT(reviewed(true), ElementsAre("a"));
  registry.find(session)->unreleased.see(7);
  registry.detach(session, kFirst, kNow);
  EXPECT_THAT(reviewed(true), IsEmpty()) << "what is left has nothing to tell";
  EXPECT_EQ(resume(kSecond), session);
  registry.watch(stored(session));
  registry.watch(stored(session));
  EXPECT_THAT(reviewed(true), ElementsAre("a"));
}

TEST_F(StoredSessionTest, that_comes_back_between_two_looks_is_looked_at_once) {
  const Handle session = resume(kFirst);
  registry.watch(stored(session));
  registry.find(session)->unreleased.see(7);
  registry.detach(session, kFirst, kNow + hours(1));
  EXPECT_EQ(resume(kSecond), session);
  registry.watch(stored(session));
  EXPECT_THAT(reviewed(true), ElementsAre("a"));
}

}  // namespace
}  // namespace mqttproxy::session
