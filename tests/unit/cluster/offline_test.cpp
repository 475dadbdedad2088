#include "cluster/offline.hpp"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support.hpp"

namespace mqttproxy::cluster::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::int32_t kPartition = 3;  // of the sessions topic
constexpr std::size_t kMost = 3;

class OfflineTest : public ::testing::TestWithParam<bool> {
 protected:
  std::vector<kafka::OffsetRange> reads;
  History history{1U << 20U, [this](const kafka::OffsetRange& read) { reads.push_back(read); }};
  OfflineSessions sessions{history, kMost, GetParam()};

  /// The stream begins at offset 10, older messages are read again.
  void SetUp() override { history.begin(0, 10); }

  void add(std::int64_t offset, std::string_view topic = "a", mqtt::Qos qos = mqtt::Qos::AtLeastOnce,
           std::string_view proxy = "p") {
    const auto added = message(0, offset, topic, qos, proxy);
    history.add(added);
    sessions.on_message(added);
    history.pump();
  }
  void bring(std::int64_t from, std::int64_t to) {
    history.pump();
    for (std::int64_t offset = from; offset < to; ++offset)
      history.on_range(reads.back(), {{offset, message(0, offset)}});
    history.pump();
  }
  void bring_end() {
    history.on_range_end(reads.back(), 0);
    history.pump();
  }
  void adopt(Cut cut) { sessions.adopt(kPartition, kClient, id("a:1#1"), std::move(cut)); }

  [[nodiscard]] Cut cut() const { return sessions.cut(kPartition, kClient); }
  /// "offset", with "#id" for a packet id.
  [[nodiscard]] std::vector<std::string> owed() const {
    std::vector<std::string> owed;
    for (const Reference& each : cut().references) {
      owed.push_back(std::to_string(each.offset) + (each.packet_id == 0 ? "" : "#" + std::to_string(each.packet_id)));
    }
    return owed;
  }
  [[nodiscard]] std::uint64_t count(OfflineEvent event) const { return sessions.counters()[event].get(); }
  /// Stores what has changed.
  std::vector<OfflineSessions::Changed> take_changed(std::int32_t partition = kPartition) {
    std::vector<OfflineSessions::Changed> taken;
    for (const auto slot : sessions.take_changed(partition)) {
      if (auto changed = sessions.store(slot)) taken.push_back(std::move(*changed));
    }
    return taken;
  }
  [[nodiscard]] std::size_t changed() { return take_changed().size(); }
};

using OfflineDropOldestTest = OfflineTest;
using OfflineDropNewestTest = OfflineTest;
INSTANTIATE_TEST_SUITE_P(, OfflineTest, ::testing::Bool());
INSTANTIATE_TEST_SUITE_P(, OfflineDropOldestTest, ::testing::Values(false));
INSTANTIATE_TEST_SUITE_P(, OfflineDropNewestTest, ::testing::Values(true));

TEST_P(OfflineTest, what_an_offline_session_misses_becomes_references) {
  adopt(cut_from({10}, {{0, 4, 9}}));
  EXPECT_TRUE(sessions.has(kPartition, kClient));
  EXPECT_THAT(sessions.behind(kPartition), IsEmpty());
  add(10);
  add(11, "b");
  add(12, "a", mqtt::Qos::AtMostOnce);
  add(13, "a", mqtt::Qos::AtLeastOnce, "other");
  add(14);
  EXPECT_THAT(owed(), ElementsAre("4#9", "10", "14"));
  EXPECT_EQ(cut().from, Offsets{15});
  EXPECT_EQ(cut().filters, cut_from({}).filters);
  EXPECT_EQ(count(OfflineEvent::References), 3U);
  EXPECT_EQ(count(OfflineEvent::Collected), 2U);
}

TEST_P(OfflineTest, filters_that_overlap_miss_a_message_once) {
  adopt({{{"#", mqtt::Qos::AtLeastOnce}, {"a", mqtt::Qos::AtLeastOnce}, {"+", mqtt::Qos::AtMostOnce}}, {}, {10}});
  add(10);
  EXPECT_THAT(owed(), ElementsAre("10"));
}

TEST_P(OfflineTest, what_was_granted_qos_0_is_not_missed) {
  adopt({{{"a", mqtt::Qos::AtMostOnce}}, {}, {10}});
  add(10);
  EXPECT_THAT(owed(), IsEmpty());
}

TEST_P(OfflineTest, rule_7_what_is_before_the_cut_is_skipped_when_it_comes) {
  adopt(cut_from({12, 5}));
  EXPECT_EQ(cut().from, (Offsets{12, 5})) << "its owner was further than this node";
  for (std::int64_t offset = 10; offset < 13; ++offset) add(offset);
  EXPECT_THAT(owed(), ElementsAre("12"));
  EXPECT_EQ(cut().from, (Offsets{13, 5}));
}

TEST_P(OfflineTest, rule_7_what_came_before_the_adoption_is_searched) {
  adopt(cut_from({7}, {{0, 2, 5}}));
  EXPECT_THAT(sessions.behind(kPartition), ElementsAre(kClient));
  add(10);
  bring(7, 8);
  EXPECT_THAT(owed(), ElementsAre("2#5")) << "what is not before the cut will be found again";
  EXPECT_EQ(cut().from, Offsets{7});
  EXPECT_EQ(changed(), 0U) << "while it is behind, nothing is written";
  bring_end();
  EXPECT_THAT(sessions.behind(kPartition), IsEmpty());
  EXPECT_EQ(cut().from, Offsets{11});
}

TEST_P(OfflineTest, what_is_found_stands_before_what_came_meanwhile) {
  adopt(cut_from({8}));
  add(10);
  bring(8, 10);
  bring_end();
  EXPECT_THAT(owed(), ElementsAre("8", "9", "10"));
}

TEST_P(OfflineTest, sessions_with_something_new_are_named_once) {
  adopt(cut_from({10}));
  EXPECT_EQ(changed(), 0U);
  add(10);
  const auto taken = take_changed();
  ASSERT_EQ(taken.size(), 1U);
  EXPECT_EQ(taken[0].client, kClient);
  EXPECT_EQ(taken[0].claim, id("a:1#1"));
  EXPECT_EQ(taken[0].cut, cut_from({11}, {{0, 10}}));
  EXPECT_EQ(changed(), 0U);
  add(11, "b");
  EXPECT_EQ(changed(), 0U);
  add(12);
  EXPECT_EQ(changed(), 1U);
}

TEST_P(OfflineDropOldestTest, a_session_that_misses_too_much_drops_the_oldest) {
  adopt(cut_from({10}, {{0, 4, 9}}));
  for (std::int64_t offset = 10; offset < 14; ++offset) add(offset);
  EXPECT_THAT(owed(), ElementsAre("11", "12", "13"));
  EXPECT_EQ(count(OfflineEvent::Dropped), 2U);
  EXPECT_EQ(count(OfflineEvent::References), 3U);
}

TEST_P(OfflineDropNewestTest, a_session_that_misses_too_much_drops_the_newest) {
  adopt(cut_from({10}, {{0, 4, 9}}));
  for (std::int64_t offset = 10; offset < 14; ++offset) add(offset);
  EXPECT_THAT(owed(), ElementsAre("4#9", "10", "11"));
  EXPECT_EQ(count(OfflineEvent::Dropped), 2U);
  EXPECT_EQ(count(OfflineEvent::References), 3U);
}

TEST_P(OfflineDropOldestTest, the_oldest_may_be_what_is_found) {
  adopt(cut_from({7}, {{0, 2}}));
  add(10);
  add(11);
  bring(7, 10);
  bring_end();
  EXPECT_THAT(owed(), ElementsAre("9", "10", "11"));
  add(12);
  EXPECT_THAT(owed(), ElementsAre("10", "11", "12"));
}

TEST_P(OfflineDropOldestTest, when_all_that_came_meanwhile_is_later_what_is_found_is_dropped) {
  adopt(cut_from({8}));
  for (std::int64_t offset = 10; offset < 13; ++offset) add(offset);
  bring(8, 10);
  bring_end();
  EXPECT_THAT(owed(), ElementsAre("10", "11", "12"));
  EXPECT_EQ(count(OfflineEvent::Dropped), 2U);
}

TEST_P(OfflineDropNewestTest, the_newest_is_what_came_meanwhile) {
  adopt(cut_from({7}, {{0, 2}}));
  add(10);
  add(11);
  bring(7, 10);
  bring_end();
  EXPECT_THAT(owed(), ElementsAre("2", "7", "8"));
  EXPECT_EQ(count(OfflineEvent::References), 3U);
  EXPECT_EQ(count(OfflineEvent::Dropped), 3U);
}

TEST_P(OfflineTest, what_is_dropped_is_gone) {
  adopt(cut_from({7}));
  sessions.drop(kPartition, kClient);
  EXPECT_FALSE(sessions.has(kPartition, kClient));
  EXPECT_THAT(sessions.behind(kPartition), IsEmpty());
  history.pump();
  EXPECT_THAT(reads, IsEmpty()) << "its search is cancelled";
  add(10);
  EXPECT_EQ(changed(), 0U);
  sessions.drop(kPartition, kClient);
  EXPECT_EQ(count(OfflineEvent::Sessions), 0U);
  EXPECT_EQ(count(OfflineEvent::References), 0U);
}

TEST_P(OfflineTest, a_partition_is_dropped_with_all_its_sessions) {
  adopt(cut_from({10}));
  sessions.adopt(kPartition, "p/d", id("a:1#2"), cut_from({10}));
  sessions.adopt(kPartition + 1, "p/e", id("a:1#3"), cut_from({10}));
  add(10);
  EXPECT_EQ(count(OfflineEvent::References), 3U);
  sessions.drop_all(kPartition);
  EXPECT_EQ(count(OfflineEvent::Sessions), 1U);
  EXPECT_EQ(count(OfflineEvent::References), 1U);
  EXPECT_FALSE(sessions.has(kPartition, "p/d"));
  EXPECT_TRUE(sessions.has(kPartition + 1, "p/e"));
  EXPECT_EQ(changed(), 0U);
  EXPECT_EQ(take_changed(kPartition + 1).size(), 1U);
}

TEST_P(OfflineTest, a_session_that_is_adopted_again_begins_anew) {
  adopt(cut_from({10}));
  add(10);
  adopt(cut_from({11}));
  EXPECT_THAT(owed(), IsEmpty());
  EXPECT_EQ(count(OfflineEvent::Sessions), 1U);
  EXPECT_EQ(count(OfflineEvent::References), 0U);
}

TEST_P(OfflineTest, a_session_without_filters_has_nothing_to_search_for) {
  adopt({{}, {{0, 4}}, {7}});
  EXPECT_THAT(sessions.behind(kPartition), IsEmpty());
  EXPECT_THAT(owed(), ElementsAre("4"));
  EXPECT_EQ(cut().from, Offsets{10});
}

}  // namespace
}  // namespace mqttproxy::cluster::test
