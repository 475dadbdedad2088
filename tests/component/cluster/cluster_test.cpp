// What a node does around the protocol: how much it writes at a time, what it does with more than a record takes, and
// when Kafka refuses what it writes.
#include <array>
#include <future>

#include <gmock/gmock.h>

#include "cluster/cluster_impl.hpp"
#include "support.hpp"

namespace mqttproxy::cluster::testing {
namespace {

using ::testing::HasSubstr;

constexpr std::int16_t kTopicAuthorizationFailed = 29;
constexpr const char* kRestarts = "mqttproxy_cluster_restarts_total";
constexpr const char* kWritten = "mqttproxy_cluster_records_written_total";
constexpr const char* kReferences = "mqttproxy_offline_references";

TEST_F(ClusterTest, SessionsWhoseNamesNoCheckpointHasRoomForAreLookedAfter) {
  constexpr int kSessions = 6'000;
  constexpr std::size_t kLongId = 195;
  for (int i = 0; i < kSessions; ++i) put_session(std::string(kLongId, 'c') + std::to_string(i));
  for (int i = 0; i < 20'000; ++i) put_message("other");  // what they may have missed is read from Kafka
  put_message("t");
  wait_stored();
  start();
  wait_until("found", [this] { return metric(kReferences) == kSessions; });
  const double written = metric(kWritten);
  wait_until("written", [&] { return metric(kWritten) >= written + kSessions; });
  EXPECT_EQ(metric(kRestarts), 0);
}

TEST_F(ClusterTest, ASessionKeepsNoMoreThanARecordHasRoomFor) {
  constexpr int kMissed = 20'000;
  options_.max_references = config::kMaxStoredMessages;
  put_session("sleeper");
  for (int i = 0; i < kMissed; ++i) put_message("t");
  wait_stored();
  start();
  wait_until("found", [this] {
    return metric("mqttproxy_offline_references_dropped_total") == kMissed - config::kMaxStoredMessages;
  });
  EXPECT_EQ(metric(kReferences), config::kMaxStoredMessages);
  const double written = metric(kWritten);
  wait_until("checkpoints follow", [&] { return metric(kWritten) >= written + 4; });
  EXPECT_EQ(metric(kRestarts), 0);
}

TEST_F(ClusterTest, AClaimComesBetweenWhatAStewardWrites) {
  constexpr int kSessions = 3'000;
  constexpr int kMissed = 300;
  for (int i = 0; i < kSessions; ++i) put_session(std::to_string(i));
  wait_stored();
  start();
  wait_until("looked after", [this] { return metric("mqttproxy_offline_sessions") == kSessions; });
  for (int i = 0; i < kMissed; ++i) put_message("t");
  wait_until("found", [this] { return metric(kReferences) == kSessions * kMissed; });
  put_message("t");  // one more time everything is written
  wait_until("found", [this] { return metric(kReferences) == kSessions * (kMissed + 1); });
  const double before = metric(kWritten);
  wait_until("a pass is under way", [&] { return metric(kWritten) >= before + 10; });
  claim("device");
  wait_until("claimed", [this] { return worker_.claimed == 1; });
  EXPECT_LT(metric(kWritten), before + kSessions / 2);
}

TEST_F(ClusterTest, AWriteThatKafkaRefusesBeginsANewLife) {
  start();
  claim("device");
  wait_until("claimed", [this] { return worker_.claimed == 1; });
  kafka_->push_request_errors(kafka::kApiProduce, std::array{kTopicAuthorizationFailed});
  wait_until("disconnected", [this] { return worker_.lost == 1; });
  EXPECT_EQ(worker_.last_loss, Loss::Unavailable);
  std::size_t tries = 0;  // the topic stays refused for a moment: a device comes again whenever it is disconnected
  wait_until("claimed again", [&] {
    if (worker_.lost > tries) {
      claim("device");
      ++tries;
    }
    return worker_.claimed == 2;
  });
  EXPECT_GE(metric(kRestarts), 1);
  EXPECT_LE(metric(kRestarts), 10) << "a second goes by before each";
}

TEST_F(ClusterTest, IsNotReadyWhileItsThreadIsBusy) {
  start();
  std::promise<void> end;
  static_cast<ClusterImpl&>(*cluster_).post([&end](ClusterImpl&) { end.get_future().wait(); });
  wait_until("late", [this] { return !cluster_->reason_not_ready().empty(); });
  EXPECT_THAT(cluster_->reason_not_ready(), HasSubstr("busy"));
  end.set_value();
  wait_until("ready", [this] { return cluster_->reason_not_ready().empty(); });
}

}  // namespace
}  // namespace mqttproxy::cluster::testing
