// The bus through Kafka: what is published becomes a record of one topic, and every node reads all of that topic.
// docs/OPERATIONS.md has the format of the records, which any Kafka producer may write.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "mqttproxy/config/config.hpp"
#include "mqttproxy/downlink/bus.hpp"
#include "mqttproxy/kafka/topic_plan.hpp"
#include "mqttproxy/metrics/metrics.hpp"

namespace mqttproxy::downlink {

/// What a record must keep to; others are counted and skipped.
struct RecordRules {
  std::vector<std::string> proxies;  // names of the MQTTProxy objects of this node
  std::size_t max_topic_bytes = 4'096;
  std::size_t max_topic_levels = 128;
};

struct KafkaBusOptions {
  std::vector<std::string> backends;
  std::vector<std::pair<std::string, std::string>> properties;  // librdkafka's, for producer and consumer
  kafka::TopicPlan topic;
  std::chrono::milliseconds publish_timeout{10'000};  // for Kafka's acknowledgements
  std::uint32_t max_queue_messages = 100'000;         // published and not acknowledged
  std::uint64_t max_queue_bytes = 64ULL << 20U;
  RecordRules rules;
};

/// The options of a configuration with downlink.mode kafka. What is wrong with them goes to its diagnostics.
[[nodiscard]] KafkaBusOptions read_kafka_bus(const config::Config& config);

/// Accepted means acknowledged by Kafka. Throws std::runtime_error for options librdkafka refuses; does not wait for
/// Kafka. The workers must outlive it.
[[nodiscard]] std::unique_ptr<Bus> make_kafka_bus(const KafkaBusOptions& options, std::vector<WorkerPort*> workers,
                                                  metrics::Registry& metrics);

}  // namespace mqttproxy::downlink
