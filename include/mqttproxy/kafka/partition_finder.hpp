// Which partition a record will go to, by librdkafka's own partitioners. For `explain`.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "mqttproxy/kafka/producer.hpp"

namespace mqttproxy::kafka {

/// Asks Kafka how many partitions a topic has, and the partitioner of `properties` for one of them. Produces nothing
/// and makes no topic. Thread: one.
class PartitionFinder {
 public:
  explicit PartitionFinder(const ProducerOptions& options);
  ~PartitionFinder();
  PartitionFinder(const PartitionFinder&) = delete;
  PartitionFinder& operator=(const PartitionFinder&) = delete;

  /// "2 of 4"; "any of 4" where records are spread; "unknown: …" with the reason. Waits for Kafka three seconds at
  /// most.
  [[nodiscard]] std::string find(const std::string& topic, std::optional<std::string_view> key);

 private:
  struct Answer;
  [[nodiscard]] Answer count(const std::string& topic);

  struct Client;
  const ProducerOptions options_;
  std::string partitioner_;
  std::unique_ptr<Client> client_;
};

}  // namespace mqttproxy::kafka
