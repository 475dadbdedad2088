// Many nodes as one, with Kafka as the only state: who serves which client, and what persistent sessions are owed, are
// records of one compacted topic that every node reads. docs/CLUSTER.md has the protocol.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "mqttproxy/cluster/session_store.hpp"
#include "mqttproxy/config/config.hpp"
#include "mqttproxy/downlink/bus.hpp"
#include "mqttproxy/downlink/kafka_bus.hpp"
#include "mqttproxy/downlink/session_directory.hpp"
#include "mqttproxy/kafka/topic_plan.hpp"
#include "mqttproxy/metrics/metrics.hpp"

namespace mqttproxy::cluster {

struct ClusterOptions {
  std::string node;  // name
  std::vector<std::string> backends;
  std::vector<std::pair<std::string, std::string>> properties;  // librdkafka's
  kafka::TopicPlan sessions;
  kafka::TopicPlan downlink;
  downlink::RecordRules rules;
  std::uint32_t max_queue_messages = 100'000;  // of the downlink, not looked at yet
  std::uint64_t max_queue_bytes = 64ULL << 20U;
  std::uint64_t memory_bytes = 32ULL << 20U;  // of the latest messages
  std::uint32_t max_references = 1'000;       // per offline session
  bool drop_newest = false;                   // of a session that has so many; else the oldest
};

/// The options of a configuration with downlink.mode kafka. What is wrong with them goes to its diagnostics.
[[nodiscard]] ClusterOptions read_cluster(const config::Config& config);

/// One thread does all the work. Life: create → start() → drain() → destroy. Thread of the calls: main, unless they
/// say otherwise.
class Cluster {
 public:
  /// Does not wait for Kafka. Throws std::runtime_error for options librdkafka refuses.
  [[nodiscard]] static std::unique_ptr<Cluster> create(const ClusterOptions& options, metrics::Registry& metrics);
  virtual ~Cluster() = default;

  [[nodiscard]] virtual SessionStore& store() noexcept = 0;
  /// Every message of the downlink topic goes there as well, before it goes to workers.
  [[nodiscard]] virtual downlink::WorkerPort& port() noexcept = 0;
  /// Sessions of all nodes; `local` knows more of those this node serves. Both must outlive what is returned.
  [[nodiscard]] virtual std::unique_ptr<downlink::SessionDirectory> directory(downlink::SessionDirectory& local) = 0;
  /// The workers must outlive this.
  virtual void start(std::vector<OwnerPort*> workers) = 0;
  /// Why sessions cannot be served; empty when they can. Any thread.
  [[nodiscard]] virtual std::string reason_not_ready() const = 0;
  /// Once the workers have released everything: writes what there is to write, at most for `timeout`, and leaves.
  virtual void drain(std::chrono::milliseconds timeout) = 0;
};

}  // namespace mqttproxy::cluster
