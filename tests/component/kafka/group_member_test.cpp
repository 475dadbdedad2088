#include "mqttproxy/kafka/group_member.hpp"

#include <stdexcept>

#include <gmock/gmock.h>
#include <librdkafka/rdkafka.h>

#include "support.hpp"

namespace mqttproxy::kafka::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Partitions = std::vector<std::int32_t>;

class RecordingAssignments : public AssignmentHandler {
 public:
  void on_assignment(Partitions partitions) override {
    const std::scoped_lock lock(mutex_);
    last_ = std::move(partitions);
    changed_.notify_all();
  }
  /// The last set, once it has `count`; else whatever it is after kHangGuard.
  Partitions wait(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kHangGuard, [&] { return last_.size() == count; });
    return last_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  Partitions last_;
};

class GroupMemberTest : public ::testing::Test {
 protected:
  GroupMemberTest() {
    kafka_.create_topic("t", 4);
    options_.backends = {kafka_.bootstrap()};
    options_.topic = "t";
    options_.group = "g";
  }

  std::unique_ptr<GroupMember> join(const std::string& name, AssignmentHandler& handler) {
    options_.name = name;
    return GroupMember::create(options_, handler, registry_);
  }

  EmbeddedKafka kafka_;
  metrics::Registry registry_;
  GroupOptions options_;
  RecordingAssignments first_;
  RecordingAssignments second_;
};

TEST_F(GroupMemberTest, OneHasAll) {
  const auto member = join("one", first_);
  EXPECT_THAT(first_.wait(4), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(registry_.serialize(), HasSubstr("mqttproxy_kafka_group_partitions{member=\"one\"} 4\n"));
}

TEST_F(GroupMemberTest, TwoShareAndTheOneThatStaysHasAll) {
  const auto one = join("one", first_);
  ASSERT_THAT(first_.wait(4), ElementsAre(0, 1, 2, 3));
  const auto two = join("two", second_);
  Partitions all = first_.wait(2);
  const Partitions others = second_.wait(2);
  all.insert(all.end(), others.begin(), others.end());
  EXPECT_THAT(all, ::testing::UnorderedElementsAre(0, 1, 2, 3));
  one->stop();
  EXPECT_THAT(first_.wait(0), IsEmpty());
  EXPECT_THAT(second_.wait(4), ElementsAre(0, 1, 2, 3));
}

TEST_F(GroupMemberTest, AKafkaThatComesLater) {
  kafka_.set_down();
  const auto member = join("one", first_);
  kafka_.set_up();
  EXPECT_THAT(first_.wait(4), ElementsAre(0, 1, 2, 3));
}

TEST_F(GroupMemberTest, ATopicThatComesLater) {
  kafka_.create_topic("later", 2);
  kafka_.set_topic_error("later", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
  options_.topic = "later";
  const auto member = join("one", first_);
  options_.topic = "t";
  options_.group = "other";
  const auto other = join("two", second_);
  ASSERT_THAT(second_.wait(4), ElementsAre(0, 1, 2, 3)) << "by now the first has asked for its topic";
  kafka_.set_topic_error("later", RD_KAFKA_RESP_ERR_NO_ERROR);
  EXPECT_THAT(first_.wait(2), ElementsAre(0, 1));
}

TEST_F(GroupMemberTest, WhatKafkaHasAgainstItIsCounted) {
  const std::vector<std::int16_t> unauthorized(1, RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED);
  kafka_.push_request_errors(kApiJoinGroup, unauthorized);
  const auto member = join("one", first_);
  EXPECT_THAT(first_.wait(4), ElementsAre(0, 1, 2, 3)) << "it goes on trying";
  EXPECT_THAT(registry_.serialize(), HasSubstr("mqttproxy_kafka_group_errors_total{member=\"one\"} 1\n"));
}

TEST_F(GroupMemberTest, StopDoesNotNeedKafka) {
  const auto member = join("one", first_);
  ASSERT_THAT(first_.wait(4), ElementsAre(0, 1, 2, 3));
  kafka_.set_down();
  member->stop();
  kafka_.set_up();
}

TEST_F(GroupMemberTest, BadOptionsThrowLibrdkafkasReason) {
  options_.properties = {{"fetch.max.bytes", "1000"}};
  EXPECT_THROW(static_cast<void>(join("one", first_)), std::runtime_error);
}

}  // namespace
}  // namespace mqttproxy::kafka::testing
