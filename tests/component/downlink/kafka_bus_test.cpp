// The bus through the embedded Kafka, with workers that only remember.
#include "mqttproxy/downlink/kafka_bus.hpp"

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "mqttproxy/kafka/embedded.hpp"

namespace mqttproxy::downlink {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

/// Only so that a test that hangs ends.
constexpr auto kHangGuard = 60s;

class FakeWorker : public WorkerPort {
 public:
  bool deliver(const MessagePtr& message) override {
    const std::scoped_lock lock(mutex_);
    if (room_ == 0) {
      ++refused_;
      changed_.notify_all();
      return false;
    }
    --room_;
    EXPECT_EQ(message->offset, next_.at(message->partition)++);
    messages_.push_back(message);
    changed_.notify_all();
    return true;
  }
  void begin(std::int32_t partition, std::int64_t offset) override {
    const std::scoped_lock lock(mutex_);
    EXPECT_TRUE(next_.emplace(partition, offset).second) << "once";
  }
  void set_room(std::size_t room) {
    const std::scoped_lock lock(mutex_);
    room_ = room;
  }
  std::vector<MessagePtr> wait(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kHangGuard, [&] { return messages_.size() >= count; });
    return messages_;
  }
  bool wait_refused() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kHangGuard, [&] { return refused_ > 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t room_ = SIZE_MAX;
  std::size_t refused_ = 0;
  std::vector<MessagePtr> messages_;
  std::map<std::int32_t, std::int64_t> next_;  // offset, by partition
};

class KafkaBusTest : public ::testing::Test {
 protected:
  KafkaBusTest() {
    options_.backends = {"embedded"};
    options_.topic.name = "downlink";
    options_.rules.proxies = {"one"};
    options_.properties = {{"fetch.wait.max.ms", "10"}};
  }
  ~KafkaBusTest() override {
    if (bus_) bus_->stop(0ms);
  }

  void make() { bus_ = make_kafka_bus(options_, {&workers_[0], &workers_[1]}, registry_); }
  void start() {
    make();
    ASSERT_TRUE(eventually([&] { return bus_->reason_not_ready().empty(); })) << bus_->reason_not_ready();
  }
  static bool eventually(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + kHangGuard;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::sleep_for(1ms);  // spares the core; nothing depends on it
    }
    return true;
  }
  static std::vector<Message> messages(const std::string& topic, int count) {
    std::vector<Message> messages;
    for (int i = 0; i < count; ++i) messages.push_back({"one", topic, std::to_string(i), mqtt::Qos::AtLeastOnce});
    return messages;
  }

  std::shared_ptr<kafka::EmbeddedKafka> kafka_ = kafka::EmbeddedKafka::shared();
  metrics::Registry registry_;
  std::array<FakeWorker, 2> workers_;
  KafkaBusOptions options_;
  std::unique_ptr<Bus> bus_;
};

TEST_F(KafkaBusTest, EveryWorkerGetsTheSameMessage) {
  start();
  const PublishResult result = bus_->publish({{"one", "a/b", "payload", mqtt::Qos::AtMostOnce, 60}});
  EXPECT_EQ(result.accepted, 1U);
  EXPECT_EQ(result.reason, "");
  const auto first = workers_[0].wait(1);
  const auto second = workers_[1].wait(1);
  ASSERT_EQ(first.size(), 1U);
  EXPECT_EQ(first, second);
  EXPECT_EQ(first[0]->proxy, "one");
  EXPECT_EQ(first[0]->topic, "a/b");
  EXPECT_EQ(first[0]->payload, "payload");
  EXPECT_EQ(first[0]->qos, mqtt::Qos::AtMostOnce);
  EXPECT_EQ(first[0]->expiry, 60U);
}

TEST_F(KafkaBusTest, OrderHoldsPerTopicOfManyPublishers) {
  start();
  constexpr int kPublishers = 8;
  constexpr int kMessages = 200;
  std::vector<std::thread> publishers;
  for (int i = 0; i < kPublishers; ++i) {
    publishers.emplace_back([&, i] {
      for (int half = 0; half < 2; ++half) {
        EXPECT_EQ(bus_->publish(messages("t/" + std::to_string(i), kMessages)).accepted, std::size_t{kMessages});
      }
    });
  }
  for (std::thread& publisher : publishers) publisher.join();
  constexpr std::size_t kAll = std::size_t{2} * kPublishers * kMessages;
  for (FakeWorker& worker : workers_) {
    std::map<std::string, int> next;
    const auto received = worker.wait(kAll);
    ASSERT_EQ(received.size(), kAll);
    for (const MessagePtr& message : received) {
      EXPECT_EQ(message->payload, std::to_string(next[message->topic]++ % kMessages));
    }
  }
}

TEST_F(KafkaBusTest, AFullWorkerIsWaitedForAndTheOtherGetsNothingTwice) {
  workers_[1].set_room(3);
  start();
  EXPECT_EQ(bus_->publish(messages("t", 100)).accepted, 100U);
  ASSERT_TRUE(workers_[1].wait_refused());
  workers_[1].set_room(SIZE_MAX);
  for (FakeWorker& worker : workers_) {
    const auto received = worker.wait(100);
    ASSERT_EQ(received.size(), 100U);
    for (std::size_t i = 0; i < 100; ++i) EXPECT_EQ(received[i]->payload, std::to_string(i));
  }
  // It follows what the last worker has taken.
  EXPECT_TRUE(eventually(
      [&] { return registry_.serialize().find("mqttproxy_downlink_records_total 100\n") != std::string::npos; }));
}

TEST_F(KafkaBusTest, WithoutKafkaPublishIsRefusedAtOnce) {
  options_.backends = {"127.0.0.1:1"};
  make();
  const PublishResult result = bus_->publish(messages("t", 2));
  EXPECT_EQ(result.accepted, 0U);
  EXPECT_EQ(result.reason, "Kafka or the downlink topic is not ready");
  EXPECT_THAT(registry_.serialize(), HasSubstr("mqttproxy_downlink_publishes_total{outcome=\"not_ready\"} 2\n"));
}

TEST_F(KafkaBusTest, AnOutageIsAnsweredWithinTheTimeOutAndPassedOver) {
  options_.publish_timeout = 100ms;
  start();
  kafka_->set_down();
  const PublishResult result = bus_->publish(messages("t", 2));
  EXPECT_EQ(result.accepted, 0U);
  EXPECT_EQ(result.reason, "Kafka has not acknowledged the message in time");
  ASSERT_TRUE(eventually([&] { return !bus_->reason_not_ready().empty(); }));
  kafka_->set_up();
  ASSERT_TRUE(eventually([&] { return bus_->reason_not_ready().empty(); }));
  ASSERT_TRUE(eventually([&] { return bus_->publish(messages("again", 1)).accepted == 1; }));
  EXPECT_TRUE(eventually([&] {
    const auto received = workers_[0].wait(1);
    return !received.empty() && received.back()->topic == "again";
  }));
}

TEST_F(KafkaBusTest, TheFirstThatIsNotStoredDecides) {
  options_.properties.emplace_back("message.max.bytes", "1000");
  start();
  auto batch = messages("t", 3);
  batch[1].payload.assign(2'000, 'x');
  const PublishResult result = bus_->publish(std::move(batch));
  EXPECT_EQ(result.accepted, 1U);
  EXPECT_THAT(result.reason, HasSubstr("larger than Kafka takes"));
}

TEST_F(KafkaBusTest, ABatchLargerThanTheQueueGoesThrough) {
  options_.max_queue_messages = 10;
  start();
  EXPECT_EQ(bus_->publish(messages("t", 500)).accepted, 500U);
  EXPECT_EQ(workers_[0].wait(500).size(), 500U);
}

TEST_F(KafkaBusTest, StopEndsWhoWaitsForKafka) {
  options_.publish_timeout = 5min;
  start();
  kafka_->set_down();
  PublishResult result;
  std::thread publisher([&] { result = bus_->publish(messages("t", 1)); });
  ASSERT_TRUE(eventually([&] {
    return registry_.serialize().find("mqttproxy_kafka_queue_messages{producer=\"mqttproxy-downlink\"} 1\n") !=
           std::string::npos;
  }));
  bus_->stop(0ms);
  publisher.join();
  EXPECT_EQ(result.accepted, 0U);
  EXPECT_NE(result.reason, "");
  EXPECT_EQ(bus_->publish(messages("t", 1)).reason, "the daemon stops");
}

}  // namespace
}  // namespace mqttproxy::downlink
