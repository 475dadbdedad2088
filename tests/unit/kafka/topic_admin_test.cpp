#include "kafka/topic_admin.hpp"

#include <gtest/gtest.h>

namespace mqttproxy::kafka {
namespace {

using namespace std::chrono_literals;

class CompareTest : public ::testing::Test {
 protected:
  CompareTest() {
    plan_.name = "t";
    plan_.partitions = 4;
    plan_.replication_factor = 2;
    state_.partitions = 4;
    state_.fewest_copies = 2;
  }

  [[nodiscard]] std::string problem() const { return compare(plan_, state_, settings_); }

  TopicPlan plan_;
  TopicState state_;
  TopicSettings settings_{"delete", "1000", "0"};
};

TEST_F(CompareTest, AsPlannedOrMore) {
  EXPECT_EQ(problem(), "");
  state_.partitions = 5;
  state_.fewest_copies = 3;
  EXPECT_EQ(problem(), "");
  plan_.partitions.reset();
  plan_.replication_factor.reset();
  state_ = {"", false, 1, 1};
  EXPECT_EQ(problem(), "");
}

TEST_F(CompareTest, Fewer) {
  state_.partitions = 3;
  EXPECT_EQ(problem(), "topic t: 3 partitions, the configuration asks for 4");
  state_.partitions = 4;
  state_.fewest_copies = 1;
  EXPECT_EQ(problem(), "topic t: replication factor 1, the configuration asks for 2");
}

TEST_F(CompareTest, ExactlyThisNumberOfPartitions) {
  plan_.exact_partitions = true;
  EXPECT_EQ(problem(), "");
  for (const std::int32_t partitions : {3, 5}) {
    state_.partitions = partitions;
    EXPECT_EQ(problem(), "topic t: " + std::to_string(partitions) +
                             " partitions, the configuration asks for 4; records are found by partition number, so "
                             "that it can never change");
  }
}

TEST_F(CompareTest, CompactedAgainstThePlan) {
  for (const char* policy : {"compact", "compact,delete"}) {
    settings_.cleanup_policy = policy;
    EXPECT_EQ(problem(), "topic t: cleanup.policy is " + std::string(policy) +
                             ", which loses messages: of each key it keeps the last; it must be delete");
  }
}

TEST_F(CompareTest, NotCompactedAgainstThePlan) {
  plan_.cleanup = Cleanup::Compact;
  for (const char* policy : {"delete", "compact,delete"}) {
    settings_.cleanup_policy = policy;
    EXPECT_EQ(problem(), "topic t: cleanup.policy is " + std::string(policy) +
                             ", which loses what has not been written for long: the last record of every key must "
                             "stay; it must be compact");
  }
  settings_.cleanup_policy = "compact";
  EXPECT_EQ(problem(), "");
}

TEST_F(CompareTest, WhoseClock) {
  settings_.timestamp_type = "CreateTime";
  EXPECT_EQ(problem(), "");
  plan_.broker_time = true;
  EXPECT_EQ(problem(),
            "topic t: message.timestamp.type is CreateTime, by which a node with a wrong clock could end sessions; it "
            "must be LogAppendTime");
  settings_.timestamp_type = "LogAppendTime";
  EXPECT_EQ(problem(), "");
}

TEST_F(CompareTest, Retention) {
  plan_.retention = 1s;
  EXPECT_EQ(problem(), "");
  settings_.retention_ms = "-1";
  EXPECT_EQ(problem(), "");
  settings_.retention_ms = "999";
  EXPECT_EQ(problem(), "topic t: retention.ms is 999, the configuration asks for 1000");
  plan_.cleanup = Cleanup::Compact;
  settings_.cleanup_policy = "compact";
  EXPECT_EQ(problem(), "") << "nothing is deleted by age";
}

TEST_F(CompareTest, CompactionLag) {
  plan_.min_compaction_lag = 60s;
  EXPECT_EQ(problem(), "") << "nothing is compacted";
  plan_.cleanup = Cleanup::Compact;
  settings_.cleanup_policy = "compact";
  EXPECT_EQ(problem(), "topic t: min.compaction.lag.ms is 0, the configuration asks for 60000");
  settings_.min_compaction_lag_ms = "60000";
  EXPECT_EQ(problem(), "");
}

TEST_F(CompareTest, WhatKafkaDoesNotSayPasses) {
  settings_ = {};
  plan_.retention = 1s;
  EXPECT_EQ(problem(), "");
  plan_.cleanup = Cleanup::Compact;
  plan_.min_compaction_lag = 1s;
  EXPECT_EQ(problem(), "");
}

}  // namespace
}  // namespace mqttproxy::kafka
