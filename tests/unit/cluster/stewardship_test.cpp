// Who looks after a partition's offline sessions, and who puts right what comes too late.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "partition_world.hpp"

namespace mqttproxy::cluster::test {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class StewardshipTest : public PartitionTest {
 protected:
  /// A second in which all of these nodes say that they live.
  void second(const std::vector<Node*>& alive) {
    passed += 1s;
    for (Node* node : alive) checkpoint(*node);
    run();
    for (Node* node : alive) node->partition.tick(now());
    run();
  }
  /// … at whose end the steward says something: whose clock counts is the log's.
  void elapse(std::chrono::seconds time) {
    passed += time;
    checkpoint(s);
    run();
  }
};

TEST_F(StewardshipTest, rule_15_a_steward_acts_after_its_own_record_was_read_back) {
  make_session(cut_from({7}));
  s.partition.assign(true, now());
  EXPECT_EQ(s.partition.stewarding(), std::nullopt);
  EXPECT_THAT(s.events, IsEmpty());
  run();
  EXPECT_EQ(s.partition.stewarding(), id("s:1#1"));
  EXPECT_THAT(s.events, ElementsAre("adopt p/c"));
  EXPECT_EQ(s.offline[kClient], cut_from({7}));
}

TEST_F(StewardshipTest, rule_15_a_steward_stops_when_it_reads_anothers_record) {
  make_session(cut_from({7}));
  steward(s);
  steward(a);
  EXPECT_EQ(s.partition.stewarding(), std::nullopt);
  EXPECT_THAT(s.offline, IsEmpty());
  EXPECT_EQ(a.partition.stewarding(), a.partition.view().steward());
  s.partition.write_steward_state(kClient, id("a:1#1"), cut_from({9}));
  s.partition.write_steward_checkpoint(id("s:1#1"), {9}, s.partition.as_of(), {});
  EXPECT_THAT(s.writes, IsEmpty());

  s.partition.tick(now());  // it is assigned still
  run();
  EXPECT_TRUE(s.partition.stewarding());
  EXPECT_EQ(a.partition.stewarding(), std::nullopt);
}

TEST_F(StewardshipTest, rule_15_an_earlier_record_of_another_one_is_overruled_by_the_own) {
  a.partition.assign(true, now());
  s.partition.assign(true, now());
  run();
  EXPECT_EQ(a.partition.stewarding(), std::nullopt);
  EXPECT_TRUE(s.partition.stewarding());
}

TEST_F(StewardshipTest, who_is_not_assigned_any_more_goes_on_until_somebody_else_begins) {
  steward(s);
  s.partition.assign(false, now());
  passed += 5s;
  s.partition.tick(now());
  EXPECT_TRUE(s.partition.stewarding());
  s.partition.assign(true, now());
  EXPECT_THAT(s.writes, IsEmpty()) << "it is still the one";
  s.partition.assign(false, now());
  passed += 6s;
  s.partition.tick(now());
  EXPECT_EQ(s.partition.stewarding(), std::nullopt);
}

TEST_F(StewardshipTest, who_is_assigned_before_the_log_is_read_begins_then) {
  make_session(cut_from({7}));
  Node late("late:1");
  late.partition.begin(0, static_cast<std::int64_t>(log.size()));
  late.partition.assign(true, now());
  late.partition.tick(now());
  EXPECT_THAT(late.writes, IsEmpty());
  read(late);
  late.partition.tick(now());
  EXPECT_EQ(waiting(late, Kind::Steward), 1U);
}

TEST_F(StewardshipTest, sessions_are_adopted_when_they_go_offline_and_dropped_when_they_come_back) {
  steward(s);
  connect(a, 1);
  run();
  EXPECT_THAT(s.take_events(), IsEmpty());
  release(a, 1, cut_from({3}));
  run();
  EXPECT_THAT(s.take_events(), ElementsAre("adopt p/c"));
  EXPECT_EQ(s.offline[kClient], cut_from({3}));
  connect(b, 1);
  run();
  EXPECT_THAT(s.events, ElementsAre("drop p/c"));
}

TEST_F(StewardshipTest, a_checkpoint_and_a_state_of_the_steward_move_the_cut) {
  make_session(cut_from({7}));
  steward(s);
  s.partition.write_steward_checkpoint(id("s:1#1"), {9}, s.partition.as_of(), {});
  run();
  EXPECT_EQ(cut(a), cut_from({9}));
  s.partition.write_steward_state(kClient, s.partition.view().claim(entry(s)), cut_from({11}, {{0, 10}}));
  run();
  EXPECT_EQ(cut(a), cut_from({11}, {{0, 10}}));
  s.partition.write_steward_checkpoint(id("s:1#1"), {20}, s.partition.as_of(), {kClient});
  run();
  EXPECT_EQ(cut(a), cut_from({11}, {{0, 10}}));
}

TEST_F(StewardshipTest, rule_16_a_silent_node_is_fenced_after_ten_seconds) {
  steward(s);
  connect(a, 1);
  connect(b, 2);
  run();
  b.partition.store(Node::seat(2), kClient, cut_from({3}), 1);
  run();
  for (int i = 0; i < 10; ++i) second({&a, &b, &s});
  b.events.clear();
  for (int i = 0; i < 9; ++i) second({&a, &s});
  EXPECT_THAT(b.take_events(), IsEmpty());
  second({&a, &s});
  EXPECT_THAT(b.events, ElementsAre("lost 2 fenced"));
  EXPECT_THAT(s.events, ElementsAre("adopt p/c"));
  EXPECT_EQ(s.offline[kClient], cut_from({3}));
  const std::size_t records = log.size();
  s.partition.tick(now());
  run();
  EXPECT_EQ(log.size(), records) << "there is nobody left to fence";
}

TEST_F(StewardshipTest, rule_16_a_fence_is_written_once) {
  steward(s);
  connect(b, 1);
  run();
  for (int i = 0; i < 10; ++i) second({&s});
  passed += 1s;
  checkpoint(s);
  run();
  s.partition.tick(now());
  s.partition.tick(now());
  EXPECT_EQ(waiting(s, Kind::Fence), 1U);
}

TEST_F(StewardshipTest, rule_16_who_has_not_heard_itself_all_the_while_judges_nobody) {
  steward(s);
  connect(b, 1);
  run();
  second({&s});
  passed += 60s;
  s.partition.tick(now());
  EXPECT_EQ(waiting(s, Kind::Fence), 0U) << "its own checkpoints do not come back";
  for (int i = 0; i < 10; ++i) second({&s});
  EXPECT_TRUE(entry(s).online) << "while Kafka was away nobody was heard";
  second({&s});
  EXPECT_FALSE(entry(s).online);
}

TEST_F(StewardshipTest, rule_16_a_node_that_has_just_begun_is_not_fenced) {
  steward(s);
  for (int i = 0; i < 20; ++i) second({&s});
  connect(b, 1);  // before its first checkpoint
  run();
  second({&s});
  EXPECT_THAT(b.events, ElementsAre("claimed 1"));
  EXPECT_TRUE(entry(s).online);
}

TEST_F(StewardshipTest, a_fenced_node_may_claim_again) {
  steward(s);
  connect(b, 1);
  run();
  connect(b, 2);  // under way
  log.emplace_back(Key{Kind::Fence, "b:1"}, Fence{*s.partition.stewarding()});
  run();
  EXPECT_THAT(b.events, ElementsAre("claimed 1", "lost 1 fenced", "claimed 2"));
}

TEST_F(StewardshipTest, sessions_end_when_their_time_has_come) {
  make_session(cut_from({7}));
  steward(s);
  elapse(59s);
  EXPECT_EQ(s.partition.expire(), 0U);
  elapse(1s);
  EXPECT_EQ(a.partition.expire(), 0U) << "not the steward";
  EXPECT_EQ(s.partition.expire(), 1U);
  run();
  EXPECT_FALSE(entry(a).session);
  EXPECT_THAT(s.events, ElementsAre("adopt p/c", "drop p/c"));
  EXPECT_EQ(s.partition.expire(), 0U);
}

TEST_F(StewardshipTest, an_hour_after_its_end_an_expired_session_is_buried) {
  make_session(cut_from({7}));
  steward(s);
  elapse(60s);
  EXPECT_EQ(s.partition.expire(), 1U);
  EXPECT_THAT(s.offline, IsEmpty()) << "nothing more is written of it";
  run();
  elapse(3'599s);
  (void)s.partition.expire();
  EXPECT_EQ(waiting(s, Kind::Claim), 0U);
  elapse(1s);
  (void)s.partition.expire();
  EXPECT_EQ(waiting(s, Kind::Claim), 1U);
}

TEST_F(StewardshipTest, an_ignored_record_of_a_session_that_ends_is_put_right) {
  make_session(cut_from({7}));
  steward(s);
  elapse(60s);
  log.emplace_back(Key{Kind::State, kClient}, State{id("a:0#1"), Role::Owner, {}, 1, true, true, 60, cut_from({1})});
  (void)s.partition.expire();
  run();
  EXPECT_FALSE(entry(a).session);
  EXPECT_FALSE(entry(a).spoiled);
}

TEST_F(StewardshipTest, a_session_whose_client_comes_before_its_end_goes_on) {
  make_session(cut_from({7}));
  steward(s);
  elapse(60s);
  connect(a, 1);
  flush(a);
  EXPECT_EQ(s.partition.expire(), 1U);
  s.partition.write_steward_checkpoint(*s.partition.stewarding(), {9}, s.partition.as_of(), {});
  EXPECT_THAT(std::get<Checkpoint>(s.writes.back().second).behind, ElementsAre(kClient))
      << "whom it looks after no more";
  read(a);
  release(a, 1, cut_from({8}));
  flush(a);
  read(s);
  EXPECT_THAT(s.offline, IsEmpty());
  run();  // its end does not count
  EXPECT_EQ(cut(b), cut_from({8}));
  EXPECT_EQ(s.offline[kClient], cut_from({8})) << "it is looked after again";
}

TEST_F(StewardshipTest, with_too_many_behind_no_checkpoint_is_written) {
  steward(s);
  const std::vector<std::string> most(5'000, std::string(91, 'c'));  // and eight bytes around each
  const std::vector<std::string> more(5'100, std::string(91, 'c'));
  s.partition.write_steward_checkpoint(*s.partition.stewarding(), {9}, 5, more);
  EXPECT_THAT(s.writes, IsEmpty());
  s.partition.write_steward_checkpoint(*s.partition.stewarding(), {9}, 5, most);
  EXPECT_EQ(waiting(s, Kind::Checkpoint), 1U);

  a.partition.write_owner_checkpoint({7}, 3, {"p/x"});
  a.partition.write_owner_checkpoint({8}, 4, more);
  ASSERT_EQ(a.writes.size(), 2U) << "a sign of life";
  EXPECT_EQ(a.writes[1], a.writes[0]);
  a.partition.write_owner_checkpoint({9}, 5, most);
  EXPECT_EQ(std::get<Checkpoint>(a.writes[2].second).position, Offsets{9});
}

TEST_F(StewardshipTest, no_session_ends_by_another_clock_than_the_logs) {
  make_session(cut_from({7}));
  steward(s);
  passed += 1'000'000s;
  s.partition.tick(now());
  EXPECT_EQ(s.partition.expire(), 0U);
}

TEST_F(StewardshipTest, an_hour_later_they_are_buried) {
  connect(a, 1, true);
  run();
  release(a, 1, std::nullopt);
  run();
  steward(s);
  elapse(3'599s);
  (void)s.partition.expire();
  EXPECT_THAT(s.writes, IsEmpty());
  elapse(1s);
  EXPECT_EQ(s.partition.expire(), 0U);
  ASSERT_EQ(s.writes.size(), 2U);
  EXPECT_EQ(s.writes[0].first, (Key{Kind::State, kClient}));
  EXPECT_EQ(s.writes[1].first, (Key{Kind::Claim, kClient}));
  run();
  EXPECT_EQ(a.partition.view().find(kClient), nullptr);
}

TEST_F(StewardshipTest, an_hour_later_what_lives_have_said_is_buried) {
  make_session(cut_from({1}));
  connect(a, 1);
  run();
  checkpoint(a, {3});
  run();
  steward(s);
  log.emplace_back(Key{Kind::Fence, "a:1"}, Fence{*s.partition.stewarding()});
  connect(b, 1);
  run();
  const auto speak = [this](std::chrono::seconds time) {
    passed += time;
    checkpoint(b, {9});
    s.partition.write_steward_checkpoint(*s.partition.stewarding(), {9}, s.partition.as_of(), {});
    run();
    (void)s.partition.expire();
  };
  speak(3'599s);
  EXPECT_THAT(s.writes, IsEmpty());
  speak(1s);
  ASSERT_EQ(s.writes.size(), 2U);
  EXPECT_EQ(s.writes[0].first, (Key{Kind::Checkpoint, "a:1"}));
  EXPECT_EQ(s.writes[1].first, (Key{Kind::Fence, "a:1"}));
  run();
  EXPECT_EQ(cut(a).from, Offsets{9});
  speak(1s);
  EXPECT_THAT(s.writes, IsEmpty());
}

TEST_F(StewardshipTest, an_online_session_does_not_end) {
  connect(a, 1);
  run();
  steward(s);
  elapse(10'000s);
  (void)s.partition.expire();
  EXPECT_THAT(s.writes, IsEmpty());
}

TEST_F(StewardshipTest, rule_14_the_owner_puts_right_a_tombstone_that_comes_too_late) {
  make_session({});
  steward(s);
  const Tombstone tombstone{*s.partition.stewarding()};
  connect(a, 1);
  flush(a);
  log.emplace_back(Key{Kind::State, kClient}, tombstone);
  log.emplace_back(Key{Kind::Claim, kClient}, tombstone);
  run();
  EXPECT_TRUE(entry(a).online);
  EXPECT_FALSE(entry(a).spoiled);
  EXPECT_FALSE(entry(a).claim_spoiled);
  EXPECT_EQ(log.back().first.kind, Kind::State);
  EXPECT_THAT(a.events, ElementsAre("claimed 1"));
}

TEST_F(StewardshipTest, rule_14_the_owner_puts_right_a_late_state) {
  make_session(cut_from({7}));
  const State late{a.partition.view().claim(entry(a)), Role::Owner, {}, 1, false, true, 60, cut_from({1})};
  connect(b, 1);
  run();
  log.emplace_back(Key{Kind::State, kClient}, late);
  read(b);
  EXPECT_EQ(waiting(b, Kind::State), 1U);
  run();
  EXPECT_FALSE(entry(a).spoiled);
  EXPECT_EQ(cut(a), cut_from({7}));
  EXPECT_TRUE(entry(a).online);

  store(b, 1, cut_from({9}));
  log.emplace_back(Key{Kind::State, kClient}, late);
  read(b);
  EXPECT_EQ(waiting(b, Kind::State), 1U) << "what is under way is newer";
  run();
  EXPECT_EQ(cut(a), cut_from({9}));
}

TEST_F(StewardshipTest, rule_14_also_where_there_is_no_session) {
  make_session(cut_from({7}));
  const State late{a.partition.view().claim(entry(a)), Role::Owner, {}, 1, false, true, 60, cut_from({1})};
  connect(b, 1, true);
  run();
  log.emplace_back(Key{Kind::State, kClient}, late);
  run();
  EXPECT_EQ(log.back().first.kind, Kind::State);
  EXPECT_FALSE(std::get<State>(log.back().second).session);

  release(b, 1, std::nullopt);
  run();
  steward(s);
  log.emplace_back(Key{Kind::State, kClient}, late);
  run();
  EXPECT_FALSE(std::get<State>(log.back().second).session);
  EXPECT_EQ(std::get<State>(log.back().second).role, Role::Steward);
}

TEST_F(StewardshipTest, rule_14_the_steward_puts_right_a_late_state_of_an_offline_session) {
  make_session(cut_from({7}));
  steward(s);
  s.offline[kClient] = cut_from({8}, {{0, 7}});
  log.emplace_back(Key{Kind::State, kClient},
                   State{a.partition.view().claim(entry(a)), Role::Owner, {}, 1, true, true, 60, cut_from({1})});
  run();
  EXPECT_FALSE(entry(a).spoiled);
  EXPECT_EQ(cut(a), cut_from({8}, {{0, 7}}));
}

TEST_F(StewardshipTest, rule_14_who_takes_over_puts_right_what_nobody_has) {
  make_session(cut_from({7}));
  const Key key{Kind::State, kClient};
  const State late{a.partition.view().claim(entry(a)), Role::Owner, {}, 1, true, true, 60, cut_from({1})};
  log.emplace_back(key, late);
  run();
  EXPECT_TRUE(entry(a).spoiled);
  steward(s);
  EXPECT_FALSE(entry(a).spoiled) << "a steward";
  s.partition.assign(false, now());
  passed += 6s;
  s.partition.tick(now());
  log.emplace_back(key, late);
  connect(b, 1);
  run();
  EXPECT_FALSE(entry(a).spoiled) << "an owner";
  EXPECT_EQ(cut(a), cut_from({7}));
}

TEST_F(StewardshipTest, rule_14_after_a_late_claim_the_claim_comes_first_and_then_the_state) {
  make_session(cut_from({7}));
  connect(a, 1);
  run();
  log.emplace_back(Key{Kind::Claim, kClient}, Claim{id("z:1#1"), 0, true, false, 60});
  const std::size_t records = log.size();
  run();
  ASSERT_EQ(log.size(), records + 2);
  EXPECT_EQ(std::get<Claim>(log[records].second).id, a.partition.view().claim(entry(a)));
  EXPECT_EQ(std::get<State>(log[records + 1].second).cut, cut_from({7}));
  EXPECT_TRUE(entry(a).online);
  EXPECT_FALSE(entry(a).spoiled);
  EXPECT_THAT(a.events, ElementsAre("claimed 1"));
}

TEST_F(StewardshipTest, rule_14_a_fence_that_does_not_count_is_taken_away) {
  const Key fence{Kind::Fence, "a:1"};
  steward(s);
  connect(a, 1);
  run();
  const LifeId former = *s.partition.stewarding();
  steward(b);
  log.emplace_back(fence, Fence{former});
  run();
  EXPECT_EQ(log.back(), std::pair(fence, Record(Tombstone{*b.partition.stewarding()})));
  EXPECT_TRUE(entry(a).online);

  log.emplace_back(Key{Kind::Steward, ""}, Steward{id("z:1#1")});  // it dies at once
  log.emplace_back(fence, Fence{former});
  run();
  EXPECT_EQ(log.back().first, fence) << "there is no steward that could";
  b.partition.tick(now());  // assigned still
  run();
  EXPECT_EQ(log.back(), std::pair(fence, Record(Tombstone{*b.partition.stewarding()})));
  EXPECT_THAT(a.events, ElementsAre("claimed 1"));
}

TEST_F(StewardshipTest, an_overruled_stewards_state_of_an_unknown_client_is_nobodys_concern) {
  steward(s);
  steward(b);
  log.emplace_back(Key{Kind::State, "p/unknown"},
                   State{id("a:1#1"), Role::Steward, id("s:1#1"), 1, false, false, 0, {}});
  run();
  EXPECT_EQ(a.partition.view().find("p/unknown"), nullptr);
}

}  // namespace
}  // namespace mqttproxy::cluster::test
