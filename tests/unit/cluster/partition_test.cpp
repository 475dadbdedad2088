// Claims, and what becomes of their connections.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "partition_world.hpp"

namespace mqttproxy::cluster::test {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST_F(PartitionTest, rule_9_a_session_is_served_once_its_claim_is_read_back) {
  connect(a, 1);
  flush(a);
  EXPECT_THAT(a.events, IsEmpty());
  read(a);
  EXPECT_THAT(a.events, ElementsAre("claimed 1"));
  EXPECT_FALSE(a.claims[1].session_present);
  EXPECT_EQ(a.claims[1].cut, Cut{});
}

TEST_F(PartitionTest, a_session_goes_from_node_to_node) {
  make_session(cut_from({7}, {{0, 3, 9}}));
  connect(b, 1);
  run();
  EXPECT_TRUE(b.claims[1].session_present);
  EXPECT_FALSE(b.claims[1].unbroken);
  EXPECT_EQ(b.claims[1].cut, cut_from({7}, {{0, 3, 9}}));
  release(b, 1, cut_from({9}));
  run();
  connect(b, 2);
  run();
  EXPECT_TRUE(b.claims[2].unbroken) << "nobody else has served it";
  EXPECT_EQ(b.claims[2].cut, cut_from({9}));
}

TEST_F(PartitionTest, a_persistent_session_without_subscriptions_is_one) {
  connect(a, 1);
  run();
  connect(b, 1);
  run();
  EXPECT_TRUE(b.claims[1].session_present);
}

TEST_F(PartitionTest, nothing_is_claimed_before_the_log_is_read) {
  make_session(cut_from({7}));
  Node late("late:1");
  late.partition.begin(0, static_cast<std::int64_t>(log.size()));
  connect(late, 1);
  connect(late, 2);
  release(late, 2, std::nullopt);
  EXPECT_THAT(late.writes, IsEmpty());
  EXPECT_EQ(late.partition.to_load(), late.partition.load_size());
  read(late);
  EXPECT_TRUE(late.partition.loaded());
  EXPECT_EQ(waiting(late, Kind::Claim), 1U);
  flush(late);
  read(late);
  EXPECT_THAT(late.events, ElementsAre("claimed 1"));
  EXPECT_EQ(late.claims[1].cut, cut_from({7}));
}

TEST_F(PartitionTest, records_that_are_none_count_as_read) {
  Node late("late:1");
  late.partition.begin(5, 9);
  late.partition.read_up_to(8);
  EXPECT_FALSE(late.partition.loaded());
  EXPECT_EQ(late.partition.to_load(), 1);
  EXPECT_EQ(late.partition.load_size(), 4);
  late.partition.read_up_to(9);
  EXPECT_TRUE(late.partition.loaded());
}

TEST_F(PartitionTest, rule_10_a_change_is_stored_once_it_is_read_back_and_counts) {
  connect(a, 1);
  run();
  store(a, 1, cut_from({1}), 7);
  flush(a);
  EXPECT_THAT(a.take_events(), ElementsAre("claimed 1"));
  read(a);
  EXPECT_THAT(a.take_events(), ElementsAre("stored 1:7"));
  EXPECT_EQ(cut(a), cut_from({1}));

  run();
  connect(b, 1);
  flush(b);
  store(a, 1, cut_from({2}), 8);
  run();
  EXPECT_THAT(a.events, ElementsAre("lost 1 takeover")) << "behind another claim it does not";
}

TEST_F(PartitionTest, rule_11_a_clean_start_is_served_once_the_session_is_wiped) {
  make_session(cut_from({7}));
  connect(b, 1, true);
  flush(b);
  read(b);
  EXPECT_THAT(b.events, IsEmpty());
  EXPECT_TRUE(entry(b).session);
  run();
  EXPECT_THAT(b.events, ElementsAre("claimed 1"));
  EXPECT_FALSE(b.claims[1].session_present);
  EXPECT_FALSE(entry(a).session);
  release(b, 1, std::nullopt);
  run();
  connect(a, 1);
  run();
  EXPECT_FALSE(a.claims[1].session_present);
}

TEST_F(PartitionTest, a_clean_start_that_ends_before_the_wipe_leaves_the_session) {
  make_session(cut_from({7}));
  connect(b, 1, true);
  flush(b);
  read(b);
  release(b, 1, std::nullopt);
  run();
  EXPECT_FALSE(entry(a).online);
  EXPECT_EQ(cut(a), cut_from({7}));
}

TEST_F(PartitionTest, rule_12_a_delayed_clean_start_does_not_wipe_what_was_used_since) {
  make_session(cut_from({7}));
  connect(a, 1);
  run();
  connect(b, 1, true);
  store(a, 1, cut_from({8}));
  flush(a);
  passed += 3s;
  run();
  EXPECT_THAT(a.events, ElementsAre("claimed 1", "stored 1:1", "lost 1 takeover"));
  EXPECT_THAT(b.events, ElementsAre("lost 1 takeover"));
  EXPECT_FALSE(entry(a).online);
  EXPECT_EQ(cut(a), cut_from({8}));
}

TEST_F(PartitionTest, a_connect_that_was_read_long_ago_is_delayed_wherever_it_has_waited) {
  make_session(cut_from({7}));
  const auto read_at = now();
  passed += 3s;
  connect(a, 1);
  flush(a);
  b.partition.claim(Node::seat(1), {"p", "c", true, 60s, read_at});
  run();
  EXPECT_THAT(b.events, ElementsAre("lost 1 takeover"));
  EXPECT_EQ(cut(a), cut_from({7}));
}

TEST_F(PartitionTest, rule_12_a_clean_start_that_is_claimed_again_has_seen_no_more_than_its_connect) {
  make_session(cut_from({7}));
  connect(a, 1);
  connect(b, 1, true);
  flush(a);
  flush(b);
  for (Node* node : nodes) read(*node);  // b's claim is late, and made again
  EXPECT_EQ(waiting(b, Kind::Claim), 1U);
  passed += 3s;
  run();
  EXPECT_THAT(b.events, ElementsAre("lost 1 takeover"));
  EXPECT_EQ(cut(a), cut_from({7}));
}

TEST_F(PartitionTest, a_clean_start_that_was_not_delayed_wipes_what_was_used_since) {
  make_session(cut_from({7}));
  connect(a, 1);
  run();
  connect(b, 1, true);
  store(a, 1, cut_from({8}));
  flush(a);
  run();
  EXPECT_THAT(b.events, ElementsAre("claimed 1"));
  EXPECT_FALSE(entry(a).session);
}

TEST_F(PartitionTest, rule_13_a_claim_without_its_connection_is_released) {
  make_session(cut_from({7}));
  connect(b, 1);
  release(b, 1, std::nullopt);
  run();
  EXPECT_THAT(b.events, IsEmpty());
  EXPECT_FALSE(entry(a).online);
  EXPECT_EQ(cut(a), cut_from({7}));
}

TEST_F(PartitionTest, rule_13_a_connection_whose_wipe_does_not_count_is_closed) {
  make_session(cut_from({7}));
  steward(s);
  connect(b, 1, true);
  flush(b);
  read(b);
  log.emplace_back(Key{Kind::Fence, "b:1"}, Fence{*s.partition.stewarding()});
  run();
  EXPECT_THAT(b.events, ElementsAre("lost 1 fenced"));
  EXPECT_EQ(cut(a), cut_from({7}));
}

TEST_F(PartitionTest, rule_17_a_later_claim_closes_the_connection) {
  connect(a, 1);
  run();
  connect(a, 2);
  run();
  EXPECT_THAT(a.take_events(), ElementsAre("claimed 1", "lost 1 takeover", "claimed 2"));
  connect(b, 1);
  run();
  EXPECT_THAT(a.events, ElementsAre("lost 2 takeover"));
  EXPECT_THAT(b.events, ElementsAre("claimed 1"));
  EXPECT_EQ(a.partition.claims(), 0U);
}

TEST_F(PartitionTest, rule_17_whose_claim_is_under_way_is_later_still) {
  connect(a, 1);
  connect(b, 1);
  flush(a);
  read(b);
  EXPECT_THAT(b.events, IsEmpty());
}

TEST_F(PartitionTest, rule_18_a_claim_that_was_written_late_is_made_again_when_it_is_young) {
  connect(a, 1);
  connect(b, 1);
  run();
  EXPECT_THAT(a.events, ElementsAre("claimed 1", "lost 1 takeover"));
  EXPECT_THAT(b.events, ElementsAre("claimed 1"));
  EXPECT_EQ(b.partition.view().claim(entry(b)).incarnation, "b:1");
}

TEST_F(PartitionTest, rule_18_a_claim_that_was_written_late_is_void_when_it_is_old) {
  connect(b, 1, true);
  passed += 3s;
  connect(a, 1);
  run();
  EXPECT_THAT(a.events, ElementsAre("claimed 1"));
  EXPECT_THAT(b.events, ElementsAre("lost 1 takeover"));
}

TEST_F(PartitionTest, a_deletion_wipes_and_closes_on_whichever_node) {
  make_session(cut_from({7}));
  connect(a, 1);
  run();
  b.partition.remove(kClient, now());
  EXPECT_TRUE(b.partition.removing(kClient));
  run();
  EXPECT_FALSE(b.partition.removing(kClient));
  EXPECT_THAT(a.events, ElementsAre("claimed 1", "lost 1 deleted"));
  EXPECT_THAT(b.events, IsEmpty());
  EXPECT_FALSE(entry(a).session);
  EXPECT_FALSE(entry(a).online);
}

TEST_F(PartitionTest, a_deletion_begins_again_when_the_client_connects_in_between) {
  make_session(cut_from({7}));
  b.partition.remove(kClient, now());
  flush(b);
  read(a);
  read(b);
  connect(a, 1);  // before the wipe is in the log
  flush(a);
  run();
  EXPECT_TRUE(entry(a).session) << "what the deletion has written does not count";
  EXPECT_TRUE(b.partition.removing(kClient));
  b.partition.tick(now());
  run();
  EXPECT_FALSE(b.partition.removing(kClient));
  EXPECT_THAT(a.events, ElementsAre("claimed 1", "lost 1 deleted"));
  EXPECT_FALSE(entry(a).session);
}

TEST_F(PartitionTest, a_deletion_begins_again_when_its_node_is_fenced_or_begins_a_new_life) {
  make_session(cut_from({7}));
  steward(s);
  b.partition.remove(kClient, now());
  flush(b);
  read(b);
  log.emplace_back(Key{Kind::Fence, "b:1"}, Fence{*s.partition.stewarding()});
  run();
  EXPECT_TRUE(entry(a).session);
  EXPECT_TRUE(b.partition.removing(kClient));
  b.partition.tick(now());
  b.writes.clear();  // what is not stored …
  b.life = {"b:2", 1};
  b.partition.restart();
  EXPECT_TRUE(b.partition.removing(kClient));
  b.partition.tick(now());
  run();
  EXPECT_FALSE(b.partition.removing(kClient));
  EXPECT_FALSE(entry(a).session);
}

TEST_F(PartitionTest, of_two_deletions_both_end_when_the_session_is_gone) {
  make_session(cut_from({7}));
  a.partition.remove(kClient, now());
  flush(a);
  read(b);
  b.partition.remove(kClient, now());
  flush(b);
  for (Node* node : nodes) read(*node);  // both wipes are under way
  EXPECT_TRUE(a.partition.removing(kClient)) << "its own does not count any more";
  b.writes.clear();  // and the other one's never comes
  passed += 1s;
  a.partition.tick(now());
  run();
  EXPECT_FALSE(a.partition.removing(kClient));
  EXPECT_FALSE(entry(a).session);
  b.partition.tick(now());
  EXPECT_THAT(b.writes, IsEmpty());
  EXPECT_FALSE(b.partition.removing(kClient)) << "it has nothing to do any more";
}

TEST_F(PartitionTest, a_deletion_does_not_begin_again_for_ever) {
  make_session(cut_from({7}));
  b.partition.remove(kClient, now());
  flush(b);
  read(a);
  read(b);
  connect(a, 1);
  flush(a);
  run();
  passed += 10s;
  b.partition.tick(now());
  EXPECT_THAT(b.writes, IsEmpty());
  EXPECT_FALSE(b.partition.removing(kClient));
  EXPECT_TRUE(entry(a).session);
}

TEST_F(PartitionTest, a_deletion_waits_until_the_log_is_read) {
  make_session(cut_from({7}));
  Node late("late:1");
  late.partition.begin(0, static_cast<std::int64_t>(log.size()));
  late.partition.remove(kClient, now());
  EXPECT_TRUE(late.partition.removing(kClient));
  EXPECT_THAT(late.writes, IsEmpty());
  read(late);
  EXPECT_EQ(waiting(late, Kind::Claim), 1U);
  EXPECT_TRUE(late.partition.removing(kClient));
}

TEST_F(PartitionTest, a_checkpoint_names_who_is_behind) {
  make_session(cut_from({7}));
  connect(a, 1);
  run();
  connect(b, 1, true);
  flush(b);
  read(b);
  b.partition.write_owner_checkpoint({9}, b.partition.as_of(), {});
  a.partition.write_owner_checkpoint({9}, a.partition.as_of(), {kClient});
  EXPECT_THAT(std::get<Checkpoint>(b.writes.back().second).behind, ElementsAre(kClient)) << "claimed, not served yet";
  EXPECT_THAT(std::get<Checkpoint>(a.writes.back().second).behind, ElementsAre(kClient));
}

TEST_F(PartitionTest, changed_sessions_are_written_for_seats_that_have_one) {
  connect(a, 1);
  run();
  a.partition.write_changed(Node::seat(1), cut_from({4}));
  a.partition.write_changed(Node::seat(5), cut_from({5}));
  run();
  EXPECT_EQ(cut(b), cut_from({4}));
}

TEST_F(PartitionTest, a_new_life_gives_up_what_the_old_one_had_claimed) {
  connect(a, 1);
  run();
  steward(a);
  connect(a, 2);
  a.life = {"a:2", 1};
  a.partition.restart();
  EXPECT_THAT(a.take_events(), ElementsAre("claimed 1", "lost 1 unavailable", "lost 2 unavailable"));
  EXPECT_EQ(a.partition.stewarding(), std::nullopt);
  EXPECT_EQ(a.partition.claims(), 0U);
  run();
  EXPECT_THAT(a.events, IsEmpty()) << "what the old life has written on its way means nothing to the new one";
  connect(a, 3);
  run();
  EXPECT_THAT(a.events, ElementsAre("claimed 3"));
}

}  // namespace
}  // namespace mqttproxy::cluster::test
