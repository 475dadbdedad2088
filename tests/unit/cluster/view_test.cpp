#include "cluster/view.hpp"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster/packed.hpp"
#include "support.hpp"

namespace mqttproxy::cluster {
namespace {

using test::cut_from;
using test::id;
using test::kClient;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

/// Each call appends a record and says whether it counts.
class ViewTest : public ::testing::Test {
 protected:
  Incarnations incarnations;
  View view{incarnations};
  std::int64_t end = 0;

  bool append(const Key& key, const Record& record) {
    const std::int64_t offset = end++;
    return view.apply(offset, std::chrono::system_clock::time_point(std::chrono::seconds(offset)), key, record);
  }
  /// By a node that has read everything.
  bool claim(const char* claim) { return claim_as_of(claim, end - 1); }
  bool claim_as_of(const char* claim, std::int64_t as_of, bool clean = false) {
    return append({Kind::Claim, kClient}, Claim{id(claim), as_of, clean, false, 60});
  }
  bool state(const char* claim, Cut cut, bool online = true) {
    return append({Kind::State, kClient}, State{id(claim), Role::Owner, {}, 1, online, true, 90, std::move(cut)});
  }
  bool release(const char* claim, Cut cut) { return state(claim, std::move(cut), false); }
  bool wipe(const char* claim) {
    return append({Kind::State, kClient}, State{id(claim), Role::Owner, {}, 1, true, false, 0, {}});
  }
  bool steward_state(const char* steward, const char* claim, Cut cut) {
    return append({Kind::State, kClient},
                  State{id(claim), Role::Steward, id(steward), 1, false, true, 90, std::move(cut)});
  }
  bool checkpoint(const char* node, Offsets position, std::vector<std::string> behind = {}) {
    return checkpoint_as_of(node, std::move(position), end - 1, std::move(behind));
  }
  bool checkpoint_as_of(const char* node, Offsets position, std::int64_t as_of, std::vector<std::string> behind = {}) {
    return append({Kind::Checkpoint, node, Role::Owner}, Checkpoint{std::move(position), as_of, {}, std::move(behind)});
  }
  bool steward_checkpoint(const char* steward, Offsets position, std::vector<std::string> behind = {}) {
    return append({Kind::Checkpoint, id(steward).incarnation, Role::Steward},
                  Checkpoint{std::move(position), end - 1, id(steward), std::move(behind)});
  }
  bool steward(const char* steward) { return append({Kind::Steward, ""}, Steward{id(steward)}); }
  bool fence(const char* steward, const char* node) { return append({Kind::Fence, node}, Fence{id(steward)}); }
  /// Keys of lives, last written at or before that second.
  [[nodiscard]] std::vector<std::string> spent(std::int64_t second = INT64_MAX / 4'000'000'000) const {
    std::vector<std::string> keys;
    for (const Key& key : view.spent(std::chrono::system_clock::time_point(std::chrono::seconds(second)))) {
      keys.push_back(encode(key));
    }
    return keys;
  }
  template <class... Text>
  void bury(const Text&... keys) {
    for (const std::string& key : {std::string(keys)...}) append(decode_key(key).value(), Tombstone{id("t:1#1")});
  }
  bool tombstone(Kind kind, const char* steward) { return append({kind, kClient}, Tombstone{id(steward)}); }

  [[nodiscard]] const Entry& entry() const { return *view.find(kClient); }
  [[nodiscard]] Cut cut() const { return view.cut(kClient, entry()); }
  [[nodiscard]] Offsets from() const { return cut().from; }
  [[nodiscard]] std::string owner() const { return encode(view.claim(entry())); }
};

TEST_F(ViewTest, the_last_claim_wins) {
  EXPECT_TRUE(claim("a:1#1"));
  EXPECT_TRUE(entry().online);
  EXPECT_FALSE(entry().session);
  EXPECT_TRUE(claim("b:1#1"));
  EXPECT_EQ(owner(), "b:1#1");
  EXPECT_THAT(view.online(), ElementsAre(Pair(incarnations.number("b:1"), 1U)));
  EXPECT_EQ(view.as_of(), 1);
}

TEST_F(ViewTest, rule_2_a_state_of_another_claim_is_ignored) {
  claim("a:1#1");
  EXPECT_TRUE(state("a:1#1", cut_from({1})));
  claim("b:1#1");
  EXPECT_FALSE(state("a:1#1", cut_from({9})));
  EXPECT_TRUE(entry().spoiled);
  EXPECT_EQ(from(), Offsets{1}) << "the cut is handed over with the claim";
  EXPECT_TRUE(state("b:1#1", cut_from({2})));
  EXPECT_FALSE(entry().spoiled);
  EXPECT_EQ(from(), Offsets{2});
}

TEST_F(ViewTest, rule_3_after_a_release_nothing_of_the_owner_counts) {
  claim("a:1#1");
  EXPECT_TRUE(release("a:1#1", cut_from({1})));
  EXPECT_FALSE(entry().online);
  EXPECT_FALSE(state("a:1#1", cut_from({9})));
  checkpoint("a:1", {9});
  EXPECT_EQ(from(), Offsets{1});
  EXPECT_FALSE(entry().online);
}

TEST_F(ViewTest, rule_3_after_a_fence_nothing_of_the_owner_counts) {
  steward("s:1#1");
  claim("a:1#1");
  state("a:1#1", cut_from({1}));
  EXPECT_TRUE(fence("s:1#1", "a:1"));
  EXPECT_FALSE(state("a:1#1", cut_from({9})));
  checkpoint("a:1", {9});
  EXPECT_EQ(from(), Offsets{1});
  EXPECT_FALSE(entry().online);
  EXPECT_THAT(view.online(), IsEmpty());
}

TEST_F(ViewTest, rule_5_a_checkpoint_moves_only_whom_its_writer_serves) {
  claim("a:1#1");
  state("a:1#1", cut_from({1, 1}));
  checkpoint("b:1", {9, 9});
  EXPECT_EQ(from(), (Offsets{1, 1}));
  checkpoint("a:1", {2, 2});
  EXPECT_EQ(from(), (Offsets{2, 2}));
  checkpoint("a:1", {3, 3}, {"p/b", kClient});
  EXPECT_EQ(from(), (Offsets{1, 1})) << "behind: as if there were none";
}

TEST_F(ViewTest, rule_5_a_checkpoint_does_not_move_whom_its_writer_did_not_know_of) {
  steward("s:1#1");
  claim("a:1#1");
  state("a:1#1", cut_from({1}));
  const std::int64_t before = end - 1;
  claim("a:1#2");
  checkpoint_as_of("a:1", {9}, before);
  EXPECT_EQ(from(), Offsets{1});
  checkpoint_as_of("a:1", {9}, before + 1);
  EXPECT_EQ(from(), Offsets{9});
}

TEST_F(ViewTest, rule_6_a_state_replaces_the_position) {
  claim("a:1#1");
  state("a:1#1", cut_from({5, 5}));
  checkpoint("a:1", {9, 9});
  state("a:1#1", cut_from({7, 7}));
  EXPECT_EQ(from(), (Offsets{7, 7})) << "an earlier checkpoint means nothing any more";
}

TEST_F(ViewTest, rule_6_a_checkpoint_takes_the_later_one_of_each_partition) {
  claim("a:1#1");
  state("a:1#1", cut_from({5, 5}));
  checkpoint("a:1", {4, 6, 1});
  EXPECT_EQ(from(), (Offsets{5, 6, 1}));
  claim("b:1#1");
  EXPECT_EQ(from(), (Offsets{5, 6, 1})) << "and that is handed over";
}

TEST_F(ViewTest, rule_8_a_steward_does_not_move_a_session_that_is_online) {
  steward("s:1#1");
  claim("a:1#1");
  state("a:1#1", cut_from({1}));
  EXPECT_TRUE(steward_checkpoint("s:1#1", {9}));
  EXPECT_EQ(from(), Offsets{1});
  fence("s:1#1", "a:1");
  EXPECT_EQ(from(), Offsets{1}) << "nor with what it wrote before the fence";
  steward_checkpoint("s:1#1", {9});
  EXPECT_EQ(from(), Offsets{9});
}

TEST_F(ViewTest, rule_15_the_last_steward_wins) {
  steward("s:1#1");
  claim("a:1#1");
  release("a:1#1", cut_from({1}));
  EXPECT_TRUE(steward_state("s:1#1", "a:1#1", cut_from({2})));
  steward_checkpoint("s:1#1", {3});
  steward("s:2#1");
  EXPECT_EQ(from(), Offsets{3}) << "what the former one has done stays";
  EXPECT_FALSE(steward_state("s:1#1", "a:1#1", cut_from({8})));
  EXPECT_FALSE(steward_checkpoint("s:1#1", {9}));
  EXPECT_EQ(from(), Offsets{3});
  EXPECT_EQ(view.steward(), id("s:2#1"));
}

TEST_F(ViewTest, rule_15_a_checkpoint_of_a_steward_that_nobody_knows_does_not_count) {
  claim("a:1#1");
  release("a:1#1", cut_from({1}));
  EXPECT_FALSE(steward_checkpoint("s:1#1", {9}));
  EXPECT_EQ(from(), Offsets{1});
}

TEST_F(ViewTest, fences_that_do_not_count_are_known_until_they_are_replaced) {
  steward("s:2#1");
  const std::uint32_t number = incarnations.number("a:1");
  EXPECT_FALSE(fence("s:1#1", "a:1"));
  EXPECT_THAT(view.spoiled_fences(), ElementsAre(number));
  EXPECT_TRUE(append({Kind::Fence, "a:1"}, Tombstone{id("s:2#1")}));
  EXPECT_THAT(view.spoiled_fences(), IsEmpty());
  fence("s:1#1", "a:1");
  EXPECT_TRUE(fence("s:2#1", "a:1"));
  EXPECT_THAT(view.spoiled_fences(), IsEmpty());
}

TEST_F(ViewTest, rule_16_a_fence_ends_the_claims_before_it) {
  steward("s:1#1");
  claim("a:1#1");
  state("a:1#1", cut_from({1}));
  checkpoint("a:1", {4});
  EXPECT_FALSE(fence("s:2#1", "a:1")) << "of somebody who is not the steward";
  EXPECT_TRUE(fence("s:1#1", "b:1")) << "of nobody";
  EXPECT_TRUE(entry().online);
  fence("s:1#1", "a:1");
  EXPECT_FALSE(entry().online);
  EXPECT_EQ(from(), Offsets{4}) << "the owner's last checkpoint";
  EXPECT_TRUE(claim("a:1#2")) << "a node that lives may claim again";
  EXPECT_TRUE(entry().online);
}

TEST_F(ViewTest, rule_18_a_claim_counts_only_if_its_writer_knew_of_the_one_before) {
  claim("a:1#1");
  EXPECT_TRUE(claim("b:1#1"));
  EXPECT_FALSE(claim_as_of("c:1#1", 0));
  EXPECT_EQ(owner(), "b:1#1");
  EXPECT_TRUE(entry().claim_spoiled);
  EXPECT_TRUE(claim_as_of("b:1#2", 0)) << "its own it knows";
  EXPECT_FALSE(entry().claim_spoiled);
}

TEST_F(ViewTest, rule_14_after_a_late_claim_both_records_are_needed_again) {
  claim("a:1#1");
  state("a:1#1", cut_from({1}));
  claim_as_of("c:1#1", -1);
  EXPECT_TRUE(entry().spoiled) << "who has not seen the first claim ignores what it wrote";
  EXPECT_TRUE(state("a:1#1", cut_from({2})));
  EXPECT_TRUE(entry().spoiled) << "and what comes before the claim is written again";
  EXPECT_TRUE(claim("a:1#1"));
  EXPECT_TRUE(entry().online);
  EXPECT_TRUE(state("a:1#1", cut_from({3})));
  EXPECT_FALSE(entry().spoiled);
  EXPECT_FALSE(entry().claim_spoiled);
}

TEST_F(ViewTest, a_claim_that_is_written_again_changes_nothing) {
  claim("a:1#1");
  release("a:1#1", cut_from({1}));
  claim("a:1#1");
  EXPECT_FALSE(entry().online);
  EXPECT_EQ(entry().claimed, 0);
}

TEST_F(ViewTest, for_who_has_not_read_it_before_a_claim_that_is_written_again_is_as_it_was) {
  end = 10;
  append({Kind::Claim, kClient}, Claim{id("a:1#1"), 9, false, false, 60, 3, true});
  EXPECT_TRUE(entry().online);
  state("a:1#1", cut_from({1}));
  EXPECT_FALSE(claim_as_of("b:1#1", 2)) << "late, as it was for the others";
  checkpoint_as_of("a:1", {5}, 4);
  EXPECT_EQ(from(), Offsets{5});
}

TEST_F(ViewTest, a_claim_that_is_written_again_when_it_is_over_hands_over_there) {
  steward("s:1#1");
  end = 10;
  append({Kind::Claim, kClient}, Claim{id("a:1#1"), 9, false, false, 60, 3, false});
  EXPECT_FALSE(entry().online);
  EXPECT_TRUE(steward_state("s:1#1", "a:1#1", cut_from({1})));
  append({Kind::Checkpoint, "s:1", Role::Steward}, Checkpoint{{9}, 9, id("s:1#1"), {}});
  EXPECT_EQ(from(), Offsets{1}) << "since when it is over is not known";
  steward_checkpoint("s:1#1", {9});
  EXPECT_EQ(from(), Offsets{9});
}

TEST_F(ViewTest, without_the_record_of_its_claim_a_session_is_as_its_state_says) {
  EXPECT_TRUE(state("a:1#1", cut_from({1}, {{0, 0, 7}})));
  EXPECT_TRUE(entry().online);
  EXPECT_EQ(entry().expiry_seconds, 90);
  EXPECT_EQ(cut(), cut_from({1}, {{0, 0, 7}}));
  checkpoint("a:1", {9});
  EXPECT_EQ(from(), Offsets{1}) << "compaction has removed hand-overs, too";
  EXPECT_TRUE(claim_as_of("b:1#1", -1)) << "how late that is nobody knows";
  EXPECT_EQ(from(), Offsets{1});
  checkpoint("b:1", {9});
  EXPECT_EQ(from(), Offsets{9});
}

TEST_F(ViewTest, an_overruled_stewards_state_makes_no_client) {
  steward("s:2#1");
  EXPECT_FALSE(steward_state("s:1#1", "a:1#1", cut_from({1})));
  EXPECT_EQ(view.find(kClient), nullptr);
}

TEST_F(ViewTest, a_clean_start_wipes_with_a_state) {
  claim("a:1#1");
  state("a:1#1", cut_from({1}, {{0, 0}}));
  EXPECT_EQ(view.sessions(), 1U);
  claim_as_of("b:1#1", end - 1, true);
  EXPECT_TRUE(entry().session) << "rule 11: the claim alone does not";
  wipe("b:1#1");
  EXPECT_FALSE(entry().session);
  EXPECT_EQ(view.sessions(), 0U);
  EXPECT_EQ(cut(), Cut{});
}

TEST_F(ViewTest, what_lives_that_are_over_have_said_is_spent_once_others_have_said_more) {
  steward("s:1#1");
  claim("a:1#1");
  state("a:1#1", cut_from({1}));
  checkpoint("a:1", {5});
  EXPECT_THAT(spent(), IsEmpty()) << "it serves the client";
  fence("s:1#1", "a:1");
  EXPECT_THAT(spent(), IsEmpty()) << "nobody else has said anything";
  steward_checkpoint("s:1#1", {9});
  EXPECT_THAT(spent(), ElementsAre("k/a:1/owner")) << "the client's last claim is the fenced one";
  claim("b:1#1");
  EXPECT_THAT(spent(), IsEmpty()) << "where its session is now, only they say";
  checkpoint("b:1", {9});
  EXPECT_THAT(spent(), ElementsAre("k/a:1/owner", "f/a:1"));
  steward("t:1#1");
  EXPECT_THAT(spent(), ElementsAre("k/a:1/owner", "k/s:1/steward", "f/a:1"));
  EXPECT_THAT(spent(2), IsEmpty()) << "not older than that";
  bury("k/a:1/owner", "k/s:1/steward", "f/a:1");
  EXPECT_THAT(spent(), IsEmpty());
  EXPECT_EQ(from(), Offsets{9});
}

TEST_F(ViewTest, nothing_is_spent_while_a_session_stands_before_it) {
  steward("s:1#1");
  claim("a:1#1");
  state("a:1#1", cut_from({1}));
  checkpoint("x:1", {7});
  checkpoint("a:1", {6});
  EXPECT_THAT(spent(), IsEmpty()) << "its owner is behind";
  checkpoint("a:1", {7}, {kClient});
  EXPECT_THAT(spent(), IsEmpty()) << "it is behind itself";
  checkpoint("a:1", {7});
  EXPECT_THAT(spent(), ElementsAre("k/x:1/owner"));
  checkpoint("x:1", {8});
  EXPECT_THAT(spent(), IsEmpty());
  state("a:1#1", cut_from({2}));
  EXPECT_THAT(spent(), ElementsAre("k/x:1/owner")) << "a state says it all";
}

TEST_F(ViewTest, tombstones_take_away_what_is_over) {
  steward("s:1#1");
  claim("a:1#1");
  append({Kind::State, kClient}, State{id("a:1#1"), Role::Owner, {}, 1, false, false, 0, {}});
  EXPECT_FALSE(tombstone(Kind::State, "s:9#1")) << "not the steward's";
  EXPECT_TRUE(tombstone(Kind::State, "s:1#1"));
  EXPECT_NE(view.find(kClient), nullptr);
  EXPECT_TRUE(tombstone(Kind::Claim, "s:1#1"));
  EXPECT_EQ(view.find(kClient), nullptr);
  EXPECT_TRUE(tombstone(Kind::Claim, "s:1#1")) << "again";
}

TEST_F(ViewTest, a_tombstone_that_comes_too_late_is_ignored) {
  steward("s:1#1");
  claim("a:1#1");
  EXPECT_FALSE(tombstone(Kind::Claim, "s:1#1"));
  EXPECT_TRUE(entry().claim_spoiled);
  EXPECT_FALSE(tombstone(Kind::State, "s:1#1"));
  EXPECT_TRUE(entry().spoiled);
  release("a:1#1", cut_from({1}));
  EXPECT_FALSE(tombstone(Kind::State, "s:1#1")) << "there is a session by now";
  EXPECT_EQ(from(), Offsets{1});
}

TEST_F(ViewTest, filters_are_kept_with_what_was_granted) {
  claim("a:1#1");
  const std::vector<Filter> filters = {{"#", mqtt::Qos::AtMostOnce},
                                       {std::string(4'000, 'x'), mqtt::Qos::AtLeastOnce},
                                       {"ä/+/ö", mqtt::Qos::AtLeastOnce}};
  state("a:1#1", {filters, {}, {}});
  EXPECT_EQ(unpack_filters(entry().filters), filters);
  EXPECT_EQ(cut().filters, filters);
}

TEST_F(ViewTest, clients_are_apart) {
  claim("a:1#1");
  append({Kind::Claim, "p/d"}, Claim{id("a:1#2"), end - 1, false, false, 60});
  EXPECT_THAT(view.online(), ElementsAre(Pair(incarnations.number("a:1"), 2U)));
  state("a:1#1", cut_from({1}));
  EXPECT_FALSE(view.find("p/d")->session);
  release("a:1#1", cut_from({1}));
  EXPECT_THAT(view.online(), ElementsAre(Pair(incarnations.number("a:1"), 1U)));
}

TEST(IncarnationsTest, a_name_has_one_number) {
  Incarnations incarnations;
  EXPECT_EQ(incarnations.number("a"), 0U);
  EXPECT_EQ(incarnations.number("b"), 1U);
  EXPECT_EQ(incarnations.number("a"), 0U);
  EXPECT_EQ(incarnations.name(1), "b");
}

}  // namespace
}  // namespace mqttproxy::cluster
