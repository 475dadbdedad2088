// A Cluster on the embedded Kafka, with one worker that only remembers.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "mqttproxy/cluster/cluster.hpp"
#include "mqttproxy/kafka/embedded.hpp"
#include "mqttproxy/kafka/producer.hpp"

namespace mqttproxy::cluster::testing {

/// Serves nobody: it says how far the stream is, and counts what the cluster tells it.
class FakeWorker final : public downlink::WorkerPort, public OwnerPort {
 public:
  explicit FakeWorker(std::unique_ptr<Cluster>& cluster) : cluster_(cluster) {}

  bool deliver(const downlink::MessagePtr& message) override;
  void begin(std::int32_t partition, std::int64_t offset) override;
  void on_claimed(Seat, Claimed) override { ++claimed; }
  void on_stored(Seat, std::uint64_t) override {}
  void on_lost(Seat, Loss loss) override;
  void on_recovered(Seat, std::vector<Recovered>, bool) override {}
  void on_collect(std::uint64_t round) override;

  std::atomic<std::size_t> claimed{0};
  std::atomic<std::size_t> lost{0};
  std::atomic<Loss> last_loss{Loss::Takeover};

 private:
  std::unique_ptr<Cluster>& cluster_;
  std::mutex mutex_;
  Offsets position_;
};

/// An object of its own: the producer's thread calls it while a test is taken down.
class StoredRecords final : public kafka::ReportSink {
 public:
  void on_reports(std::vector<kafka::Report> reports) override;
  void on_room() override {}

  std::atomic<std::size_t> count{0};
};

/// Each test has topics of one partition and fills them before it starts the node.
class ClusterTest : public ::testing::Test {
 protected:
  ClusterTest();
  ~ClusterTest() override;

  /// A session that is away, with filter "t", from the beginning of the downlink topic on.
  void put_session(const std::string& client);
  void put_message(const std::string& topic);
  /// All that was put is in Kafka.
  void wait_stored();
  /// Returns when the node is ready.
  void start();
  void claim(const std::string& client);
  [[nodiscard]] double metric(const std::string& name);
  /// The assertion fails when it does not come true.
  void wait_until(const char* what, const std::function<bool()>& condition);

  std::shared_ptr<kafka::EmbeddedKafka> kafka_ = kafka::EmbeddedKafka::shared();
  ClusterOptions options_;
  metrics::Registry registry_;
  std::unique_ptr<Cluster> cluster_;
  FakeWorker worker_{cluster_};

 private:
  void put(const char* topic, const std::string& key, const std::string& value);

  metrics::Registry producers_registry_;
  StoredRecords stored_;
  std::uint64_t put_ = 0;
  std::uint64_t seat_ = 0;
  std::unique_ptr<kafka::Producer> producer_;
  std::unique_ptr<downlink::Bus> bus_;
};

}  // namespace mqttproxy::cluster::testing
