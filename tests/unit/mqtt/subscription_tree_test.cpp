#include "mqttproxy/mqtt/subscription_tree.hpp"

#include <algorithm>
#include <array>
#include <numeric>
#include <ostream>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "plain_tree.hpp"

namespace mqttproxy::mqtt::test {

std::ostream& operator<<(std::ostream& out, const Hit& hit) {
  return out << hit.subscriber << " at QoS " << static_cast<int>(hit.qos);
}

namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr Qos kQos0 = Qos::AtMostOnce;
constexpr Qos kQos1 = Qos::AtLeastOnce;
constexpr Qos kQos2 = Qos::ExactlyOnce;

bool leave(SubscriptionTree& tree, std::string_view filter, SubscriptionTree::Subscriber subscriber) {
  const auto id = tree.find(filter);
  return id && tree.unsubscribe(*id, subscriber);
}

/// Whether a lone subscriber of `filter` gets what is published to `topic`.
bool receives(std::string_view filter, std::string_view topic) {
  SubscriptionTree tree;
  tree.subscribe(filter, 1, kQos0);
  return !hits_of(tree, topic).empty();
}

TEST(SubscriptionTree, GivesEachSubscriberOfEachMatchingFilter) {
  enum : SubscriptionTree::Subscriber { A, B, C, D, E, F };
  SubscriptionTree tree;
  tree.subscribe("a/+", A, kQos0);
  tree.subscribe("b/d", A, kQos1);
  tree.subscribe("+/+", B, kQos1);
  tree.subscribe("+/fin", C, kQos1);
  tree.subscribe("a/fin", D, kQos1);
  tree.subscribe("#", E, kQos2);
  tree.subscribe("a/#", F, kQos2);
  EXPECT_THAT(hits_of(tree, "a/fin"),
              ElementsAre(Hit{A, kQos0}, Hit{B, kQos1}, Hit{C, kQos1}, Hit{D, kQos1}, Hit{E, kQos2}, Hit{F, kQos2}));
  EXPECT_THAT(hits_of(tree, "b/d"), ElementsAre(Hit{A, kQos1}, Hit{B, kQos1}, Hit{E, kQos2}));
  EXPECT_THAT(hits_of(tree, "b/d/f"), ElementsAre(Hit{E, kQos2}));

  EXPECT_TRUE(leave(tree, "+/+", B));
  EXPECT_TRUE(leave(tree, "#", E));
  EXPECT_THAT(hits_of(tree, "a/fin"), ElementsAre(Hit{A, kQos0}, Hit{C, kQos1}, Hit{D, kQos1}, Hit{F, kQos2}));
  EXPECT_THAT(hits_of(tree, "b/d"), ElementsAre(Hit{A, kQos1}));

  EXPECT_TRUE(leave(tree, "a/+", A));
  EXPECT_TRUE(leave(tree, "b/d", A));
  EXPECT_THAT(hits_of(tree, "a/fin"), ElementsAre(Hit{C, kQos1}, Hit{D, kQos1}, Hit{F, kQos2}));
}

TEST(SubscriptionTree, HashIsAnyNumberOfLevelsAndTheParent_MQTT_4_7_1_2) {
  for (const char* topic : {"sport/tennis/player1", "sport/tennis/player1/ranking",
                            "sport/tennis/player1/score/wimbledon", "sport/tennis/player1/"}) {
    EXPECT_TRUE(receives("sport/tennis/player1/#", topic)) << topic;
  }
  EXPECT_TRUE(receives("sport/#", "sport"));
  EXPECT_TRUE(receives("+/#", "sport"));
  EXPECT_TRUE(receives("#", "/"));
  EXPECT_FALSE(receives("sport/#", "sports"));
  EXPECT_FALSE(receives("sport/tennis/#", "sport"));
}

TEST(SubscriptionTree, PlusIsOneLevel_MQTT_4_7_1_3) {
  EXPECT_TRUE(receives("sport/tennis/+", "sport/tennis/player1"));
  EXPECT_TRUE(receives("sport/tennis/+", "sport/tennis/player2"));
  EXPECT_FALSE(receives("sport/tennis/+", "sport/tennis/player1/ranking"));
  EXPECT_TRUE(receives("sport/+", "sport/"));
  EXPECT_FALSE(receives("sport/+", "sport"));
}

TEST(SubscriptionTree, AnEmptyLevelIsALevel) {
  EXPECT_TRUE(receives("+/+", "/finance"));
  EXPECT_TRUE(receives("/+", "/finance"));
  EXPECT_FALSE(receives("+", "/finance"));
  EXPECT_TRUE(receives("/", "/"));
  EXPECT_TRUE(receives("+/+", "/"));
  EXPECT_FALSE(receives("/", "//"));
  EXPECT_FALSE(receives("finance", "finance/"));
}

TEST(SubscriptionTree, AWildcardInFrontDoesNotMatchDollar_MQTT_4_7_2_1) {
  for (const char* filter : {"#", "+/x", "+/#", "+/+"}) EXPECT_FALSE(receives(filter, "$SYS/x")) << filter;
  for (const char* filter : {"+", "#", "+/#"}) EXPECT_FALSE(receives(filter, "$SYS")) << filter;
  for (const char* filter : {"$SYS/#", "$SYS/+", "$SYS/x"}) EXPECT_TRUE(receives(filter, "$SYS/x")) << filter;
  EXPECT_TRUE(receives("$SYS/#", "$SYS"));
  for (const char* filter : {"#", "+/#", "+/$x", "a/+"}) EXPECT_TRUE(receives(filter, "a/$x")) << filter;
}

TEST(SubscriptionTree, TopicsAreComparedByteByByte_MQTT_4_7_3_4) {
  EXPECT_FALSE(receives("ACCOUNTS", "Accounts"));
  EXPECT_TRUE(receives("Accounts payable", "Accounts payable"));
  EXPECT_FALSE(receives("a\xCC\x8A", "\xC3\xA5"));  // the same character, composed and not
  const std::string text(300, 'x');
  EXPECT_TRUE(receives(text + "/+", text + "/y"));
  EXPECT_FALSE(receives(text, text + "x"));
}

TEST(SubscriptionTree, AnIdenticalFilterReplacesTheQos_MQTT_3_8_4_3) {
  SubscriptionTree tree;
  for (const SubscriptionTree::Subscriber subscriber : {7U, 8U}) {  // the first of a filter, and another
    const auto first = tree.subscribe("a/+", subscriber, kQos0);
    EXPECT_TRUE(first.is_new);
    const auto second = tree.subscribe("a/+", subscriber, kQos1);
    EXPECT_FALSE(second.is_new);
    EXPECT_EQ(second.filter, first.filter);
    EXPECT_EQ(tree.granted(first.filter, subscriber), kQos1);
  }
  EXPECT_THAT(hits_of(tree, "a/b"), ElementsAre(Hit{7, kQos1}, Hit{8, kQos1}));
  EXPECT_EQ(tree.subscriptions(), 2U);
}

TEST(SubscriptionTree, OverlappingFiltersComeOnceEach) {
  SubscriptionTree tree;
  for (const char* filter : {"a/b", "a/+", "+/b", "a/#", "#"}) tree.subscribe(filter, 1, kQos1);
  EXPECT_EQ(hits_of(tree, "a/b").size(), 5U);
  EXPECT_EQ(hits_of(tree, "a").size(), 2U);
}

TEST(SubscriptionTree, OnlyTheFilterItselfIsFound_MQTT_3_10_4_1) {
  SubscriptionTree tree;
  const auto added = tree.subscribe("a/b/c", 1, kQos0);
  EXPECT_EQ(tree.find("a/b/c"), added.filter);
  for (const char* other : {"a", "a/b", "a/b/c/d", "a/+/c", "a/#", "x", "c", "a/b/", "/a/b/c"}) {
    EXPECT_EQ(tree.find(other), std::nullopt) << other;
  }
}

TEST(SubscriptionTree, AnswersForSubscribersItDoesNotHave) {
  SubscriptionTree tree;
  const auto filter = tree.subscribe("a", 1, kQos0).filter;
  EXPECT_EQ(tree.granted(filter, 2), std::nullopt);
  EXPECT_FALSE(tree.unsubscribe(filter, 2));
  tree.subscribe("a", 3, kQos0);
  EXPECT_EQ(tree.granted(filter, 2), std::nullopt);
  EXPECT_FALSE(tree.unsubscribe(filter, 2));
  EXPECT_TRUE(tree.unsubscribe(filter, 1));
  EXPECT_FALSE(tree.unsubscribe(filter, 1));
  EXPECT_THAT(hits_of(tree, "a"), ElementsAre(Hit{3, kQos0}));
  tree.subscribe("a/b", 1, kQos0);
  EXPECT_TRUE(tree.unsubscribe(filter, 3));
  EXPECT_EQ(tree.granted(filter, 3), std::nullopt) << "the filter is gone, its node is not";
  EXPECT_EQ(tree.find("a"), std::nullopt);
}

TEST(SubscriptionTree, AnySubscriberNumberWillDo) {
  SubscriptionTree tree;
  const auto filter = tree.subscribe("a", 0xFFFF'FFFF, kQos1).filter;
  tree.subscribe("a", 0, kQos2);
  EXPECT_THAT(hits_of(tree, "a"), ElementsAre(Hit{0, kQos2}, Hit{0xFFFF'FFFF, kQos1}));
  EXPECT_TRUE(tree.unsubscribe(filter, 0xFFFF'FFFF));
  EXPECT_EQ(tree.granted(filter, 0), kQos2);
}

TEST(SubscriptionTree, GivesTheTextBack) {
  SubscriptionTree tree;
  const std::string text(100, 'x');
  for (const std::string& filter : {std::string("#"), std::string("+"), std::string("/"), std::string("//"),
                                    std::string("/a/+//#"), std::string("$SYS/#"), text + "/" + text}) {
    EXPECT_EQ(tree.text(tree.subscribe(filter, 1, kQos0).filter), filter);
  }
}

TEST(SubscriptionTree, IsEmptyAgainAfterAllFilters) {
  SubscriptionTree tree;
  const auto filters = {"a", "a/b", "a/b/#", "a/+/c", "+", "#", "/", "a/b/c/d/e"};
  for (const char* filter : filters) tree.subscribe(filter, 1, kQos0);
  EXPECT_EQ(tree.nodes(), 12U);
  for (const char* filter : filters) EXPECT_TRUE(leave(tree, filter, 1)) << filter;
  EXPECT_EQ(tree.nodes(), 0U);
  EXPECT_EQ(tree.subscriptions(), 0U);
  EXPECT_THAT(hits_of(tree, "a/b"), IsEmpty());
}

TEST(SubscriptionTree, AFilterKeepsItsIdWhileOthersComeAndGo) {
  SubscriptionTree tree;
  const auto kept = tree.subscribe("a/b", 1, kQos0).filter;
  for (int i = 0; i < 1'000; ++i) {
    tree.subscribe("a/" + std::to_string(i), 1, kQos0);
    EXPECT_EQ(leave(tree, "a/" + std::to_string(i - 2), 1), i >= 2);
  }
  EXPECT_EQ(tree.find("a/b"), kept);
  EXPECT_EQ(tree.text(kept), "a/b");
}

// Names that never come again, a thousand at a time.
TEST(SubscriptionTree, MemoryDoesNotGrowWithTheNamesThereEverWere) {
  SubscriptionTree tree;
  std::vector<SubscriptionTree::FilterId> ids(1'000);
  std::vector<std::size_t> memory;
  for (std::size_t round = 0; round < 20; ++round) {
    for (std::uint32_t i = 0; i < ids.size(); ++i) {
      const std::string name = "a-long-name-" + std::to_string(1'000'000 + round * ids.size() + i);
      ids[i] = tree.subscribe(name + "/+/" + name, i, kQos0).filter;
      tree.subscribe("all/#", i, kQos0);
    }
    memory.push_back(tree.memory_bytes());
    for (std::uint32_t i = 0; i < ids.size(); ++i) {
      EXPECT_TRUE(tree.unsubscribe(ids[i], i));
      EXPECT_TRUE(leave(tree, "all/#", i));
    }
    EXPECT_EQ(tree.nodes(), 0U);
  }
  // After the first round there are lists of free places as well.
  EXPECT_THAT(std::vector(memory.begin() + 1, memory.end()), Each(memory[1]));
}

TEST(SubscriptionTree, ManySubscribersOfOneFilterLeaveInAnyOrder) {
  constexpr std::uint32_t kMany = 100'000;
  SubscriptionTree tree;
  SubscriptionTree::FilterId filter = 0;
  for (std::uint32_t i = 0; i < kMany; ++i) filter = tree.subscribe("all", i, i % 2 == 0 ? kQos0 : kQos1).filter;
  EXPECT_EQ(hits_of(tree, "all").size(), kMany);
  EXPECT_FALSE(tree.subscribe("all", kMany - 1, kQos2).is_new);
  EXPECT_EQ(tree.granted(filter, kMany - 1), kQos2);

  std::vector<std::uint32_t> order(kMany);
  std::iota(order.begin(), order.end(), 0U);
  std::shuffle(order.begin(), order.end(), std::mt19937(1));
  const std::size_t most = tree.memory_bytes();
  for (std::size_t left = kMany; left > 0; --left) {
    ASSERT_TRUE(tree.unsubscribe(filter, order[left - 1]));
    if (left % 10'000 != 1) continue;
    std::set<SubscriptionTree::Subscriber> remaining;
    for (const Hit& hit : hits_of(tree, "all")) remaining.insert(hit.subscriber);
    const std::set<SubscriptionTree::Subscriber> expected(order.data(), order.data() + left - 1);
    ASSERT_EQ(remaining, expected);
  }
  EXPECT_EQ(tree.nodes(), 0U);
  EXPECT_LT(tree.memory_bytes(), most / 100);
}

TEST(SubscriptionTree, TakesTheDeepestFilterThereIs) {
  std::string filter = "+";
  std::string topic = "a";
  while (filter.size() + 2 <= 65'535) {
    filter += "/+";
    topic += "/a";
  }
  SubscriptionTree tree;
  const auto id = tree.subscribe(filter, 1, kQos0).filter;
  EXPECT_EQ(tree.text(id), filter);
  EXPECT_EQ(tree.find(filter), id);
  EXPECT_EQ(hits_of(tree, topic).size(), 1U);
  EXPECT_EQ(hits_of(tree, topic.substr(2)).size(), 0U);
  EXPECT_EQ(hits_of(tree, std::string(65'535, '/')).size(), 0U);
  EXPECT_TRUE(tree.unsubscribe(id, 1));
  EXPECT_EQ(tree.nodes(), 0U);
}

// Every combination of a name and '+': 2^12 filters that all match, and no node of theirs is looked at twice.
TEST(SubscriptionTree, BranchesWithPlusEverywhere) {
  constexpr unsigned kDepth = 12;
  SubscriptionTree tree;
  std::string topic = "a";
  for (unsigned i = 1; i < kDepth; ++i) topic += "/a";
  for (std::uint32_t bits = 0; bits < 1U << kDepth; ++bits) {
    std::string filter = topic;
    for (unsigned i = 0; i < kDepth; ++i) {
      if ((bits >> i & 1U) != 0) filter[std::size_t{2} * i] = '+';
    }
    tree.subscribe(filter, bits, kQos0);
  }
  EXPECT_EQ(tree.nodes(), (2U << kDepth) - 2);
  EXPECT_EQ(hits_of(tree, topic).size(), 1U << kDepth);
  EXPECT_EQ(hits_of(tree, topic + "/a").size(), 0U);
}

// ---- Against the plain tree

class Churn : public ::testing::Test {
 protected:
  std::size_t below(std::size_t bound) { return std::uniform_int_distribution<std::size_t>(0, bound - 1)(random_); }

  std::string some_topic(bool wildcards) {
    static constexpr std::array<std::string_view, 6> kNames = {"a", "b", "c", "", "$x", "a-name-beyond-fifteen-bytes"};
    std::string topic;
    const std::size_t levels = 1 + below(5);
    for (std::size_t i = 0; i < levels; ++i) {
      if (i > 0) topic += '/';
      const std::size_t choice = wildcards ? below(10) : 9;
      if (choice < 3) {
        topic += '+';
      } else if (choice == 3) {
        topic += '#';
        break;
      } else {
        topic += kNames[below(kNames.size())];
      }
    }
    return topic.empty() ? "a" : topic;
  }

  void step() {
    const std::string filter = some_topic(true);
    const auto subscriber = static_cast<SubscriptionTree::Subscriber>(below(40)) - 1;  // 0xFFFFFFFF as well
    if (below(100) < share_of_joins_) {
      const auto qos = static_cast<Qos>(below(3));
      ASSERT_EQ(tree_.subscribe(filter, subscriber, qos).is_new, plain_.subscribe(filter, subscriber, qos)) << filter;
    } else {
      ASSERT_EQ(leave(tree_, filter, subscriber), plain_.unsubscribe(filter, subscriber)) << filter;
    }
    const std::string topic = some_topic(false);
    ASSERT_EQ(hits_of(tree_, topic), plain_.hits_of(topic)) << topic;
  }

  std::random_device::result_type seed_ = std::random_device{}();
  std::mt19937 random_{seed_};
  std::size_t share_of_joins_ = 0;  // percent
  SubscriptionTree tree_;
  PlainTree plain_;
};

TEST_F(Churn, MatchesAsThePlainTreeDoes) {
  SCOPED_TRACE(::testing::Message() << "seed " << seed_);
  for (int phase = 0; phase < 6; ++phase) {
    share_of_joins_ = phase % 2 == 0 ? 90 : 10;
    for (int i = 0; i < 500; ++i) {
      step();
      if (HasFatalFailure()) return;
    }
    ASSERT_EQ(difference(tree_, plain_), "");
  }
  const auto filters = plain_.filters();
  for (const auto& [filter, subscribers] : filters) {
    for (const auto& [subscriber, qos] : subscribers) {
      ASSERT_TRUE(leave(tree_, filter, subscriber));
      ASSERT_TRUE(plain_.unsubscribe(filter, subscriber));
    }
    ASSERT_EQ(difference(tree_, plain_), "");
  }
  EXPECT_EQ(tree_.nodes(), 0U);
}

}  // namespace
}  // namespace mqttproxy::mqtt::test
