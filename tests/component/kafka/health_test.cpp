#include <gmock/gmock.h>

#include "support.hpp"

namespace mqttproxy::kafka::testing {
namespace {

using ::testing::HasSubstr;

class HealthTest : public ProducerTest {};

TEST_F(HealthTest, ReadyOnceKafkaAnswers) {
  start();
  EXPECT_TRUE(eventually([&] { return producer_->health().ready; }));
  EXPECT_EQ(producer_->health().reason, "");
}

TEST_F(HealthTest, NotReadyWhenKafkaGoesAndReadyWhenItIsBack) {
  start();
  ASSERT_TRUE(eventually([&] { return producer_->health().ready; }));
  kafka_.set_down();
  ASSERT_TRUE(eventually([&] { return !producer_->health().ready; }));
  EXPECT_THAT(producer_->health().reason, HasSubstr("Kafka " + kafka_.bootstrap() + " unreachable: "));
  EXPECT_THAT(metrics(), HasSubstr("mqttproxy_kafka_ready{producer=\"test\"} 0\n"));
  kafka_.set_up();
  EXPECT_TRUE(eventually([&] { return producer_->health().ready; }));
}

TEST_F(HealthTest, NotReadyWhenKafkaTakesConnectionsAndSaysNothing) {
  start();
  ASSERT_TRUE(eventually([&] { return producer_->health().ready; }));
  kafka_.set_round_trip(std::chrono::hours(1));
  ASSERT_TRUE(eventually([&] { return !producer_->health().ready; }));
  EXPECT_THAT(producer_->health().reason, HasSubstr("unreachable"));
  EXPECT_EQ(producer_->drain(std::chrono::milliseconds(0)), 0U);
}

TEST_F(HealthTest, NobodyThereIsSaidWithTheReason) {
  options_.backends = {"127.0.0.1:1"};
  start();
  EXPECT_FALSE(producer_->health().ready);
  EXPECT_TRUE(eventually([&] { return producer_->health().reason.find("refused") != std::string::npos; }))
      << producer_->health().reason;
}

TEST_F(HealthTest, TopicsOfTheConfigurationAreKnownWithoutARecord) {
  options_.topics = {"prefetched"};
  start();
  ASSERT_TRUE(eventually([&] { return producer_->health().ready; }));
  // The mock cluster makes a topic when metadata is asked for: reading it finds partitions, not a record.
  ASSERT_EQ(produce(topic("prefetched"), "v", 1), ProduceResult::Accepted);
  EXPECT_EQ(sinks_[0]->wait_for_reports(1).size(), 1U);
  EXPECT_THAT(metrics(), HasSubstr("mqttproxy_kafka_topics{producer=\"test\"} 1\n"));
}

}  // namespace
}  // namespace mqttproxy::kafka::testing
