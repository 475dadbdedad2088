#include "cluster/steward_pass.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "partition_world.hpp"

namespace mqttproxy::cluster::test {
namespace {

using ::testing::ElementsAre;

/// A steward that has read the downlink topic from offset 10 on, of one session that was away from there on.
class StewardPassTest : public ::testing::Test {
 protected:
  StewardPassTest() {
    partitions.push_back(std::make_unique<Partition>(0, node.life, node.incarnations, node));
    partition().begin(0, 0);
    partition().assign(true, {});
    apply(node.writes.front().first, node.writes.front().second);
    apply({Kind::Claim, kClient}, Claim{id("a:1#1"), -1, false, false, 60});
    apply({Kind::State, kClient}, State{id("a:1#1"), Role::Owner, {}, 2, false, true, 60, cut_from({10})});
    node.writes.clear();
    history.begin(0, 10);
    offline.adopt(0, kClient, id("a:1#1"), cut_from({10}));
  }

  Partition& partition() { return *partitions.front(); }
  void apply(const Key& key, const Record& record) { (void)partition().apply(partition().next(), {}, key, record, {}); }
  void come(std::int64_t offset) {
    history.add(message(0, offset));
    (void)offline.on_message(message(0, offset));
  }

  Node node{"s:1"};
  StewardPass::Partitions partitions;
  History history{1U << 20U, [](const kafka::OffsetRange&) {}};
  OfflineSessions offline{history, 100, false};
};

TEST_F(StewardPassTest, rule_4_a_checkpoint_says_no_more_than_there_was_when_the_pass_began) {
  come(10);
  auto pass = StewardPass::begin(partitions, 0, offline, history);
  ASSERT_TRUE(pass);
  EXPECT_TRUE(pass->write_next());
  EXPECT_THAT(std::get<State>(node.writes.back().second).cut.references, ElementsAre(Reference{0, 10}));
  come(11);  // of the session that was written already
  apply({Kind::Checkpoint, "a:1"}, Checkpoint{});
  EXPECT_FALSE(pass->write_next());
  pass->write_checkpoint();
  const auto& checkpoint = std::get<Checkpoint>(node.writes.back().second);
  EXPECT_EQ(checkpoint.position, Offsets{11});
  EXPECT_EQ(checkpoint.as_of, 2);
  EXPECT_FALSE(StewardPass::begin(partitions, pass->number() + 1, offline, history));
  EXPECT_TRUE(StewardPass::begin(partitions, 0, offline, history)->write_next()) << "what has come goes with the next";
}

TEST_F(StewardPassTest, rule_5_a_checkpoint_names_whose_gap_is_not_searched) {
  offline.adopt(0, kClient, id("a:1#1"), cut_from({5}));
  const auto pass = StewardPass::begin(partitions, 0, offline, history);
  pass->write_checkpoint();
  EXPECT_THAT(std::get<Checkpoint>(node.writes.back().second).behind, ElementsAre(kClient));
}

TEST_F(StewardPassTest, who_is_no_longer_the_steward_writes_nothing) {
  come(10);
  auto pass = StewardPass::begin(partitions, 0, offline, history);
  apply({Kind::Steward, ""}, Steward{id("b:1#1")});
  EXPECT_FALSE(pass->write_next());
  pass->write_checkpoint();
  EXPECT_TRUE(node.writes.empty());
}

}  // namespace
}  // namespace mqttproxy::cluster::test
