#include <algorithm>

#include "mqttproxy/cluster/cluster.hpp"
#include "mqttproxy/kafka/properties.hpp"

namespace mqttproxy::cluster {

namespace {

constexpr const char* kDefaultTopic = "mqttproxy-sessions";
constexpr std::int32_t kDefaultPartitions = 8;
/// A record that was overruled may be the last of its key until somebody writes a good one; both must be kept until
/// then.
constexpr std::chrono::hours kCompactionLag{1};
/// Only closed segments are compacted: smaller ones are loaded sooner.
constexpr std::chrono::hours kSegmentAge{6};

std::string read_topic(const config::Value& value, const std::string& downlink) {
  std::string name = value.as_string().value_or(kDefaultTopic);
  if (!kafka::is_legal_topic_name(name)) value.error("a Kafka topic is 1 to 249 of A-Z a-z 0-9 . _ -");
  if (name == downlink) value.error("must be another topic than downlink.topic");
  return name;
}

}  // namespace

ClusterOptions read_cluster(const config::Config& config) {
  const config::DownlinkConfig& downlink = config.node.downlink;
  const downlink::KafkaBusOptions bus = downlink::read_kafka_bus(config);
  ClusterOptions options;
  options.node = config.node.name;
  options.backends = bus.backends;
  options.properties = bus.properties;
  options.downlink = bus.topic;
  options.rules = bus.rules;
  options.sessions.name =
      downlink.sessions_topic ? read_topic(*downlink.sessions_topic, bus.topic.name) : kDefaultTopic;
  options.sessions.create = downlink.create_topics;
  options.sessions.partitions = downlink.sessions_partitions.value_or(kDefaultPartitions);
  options.sessions.exact_partitions = downlink.sessions_partitions.has_value();
  options.sessions.replication_factor = downlink.replication_factor;
  options.sessions.cleanup = kafka::Cleanup::Compact;
  options.sessions.min_compaction_lag = kCompactionLag;
  options.sessions.segment_age = kSegmentAge;
  options.sessions.broker_time = true;
  options.max_queue_messages = downlink.queue_messages;
  options.max_queue_bytes = downlink.queue_bytes;
  options.memory_bytes = downlink.memory_bytes;
  options.max_references = std::min(config.node.limits.session_queue_messages, config::kMaxStoredMessages);
  options.drop_newest = config.node.limits.session_queue_full == config::QueueFull::DropNewest;
  return options;
}

}  // namespace mqttproxy::cluster
