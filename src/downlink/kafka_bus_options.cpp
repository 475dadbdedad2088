#include <algorithm>

#include "mqttproxy/downlink/kafka_bus.hpp"
#include "mqttproxy/kafka/properties.hpp"

#include "kafka_clients.hpp"

namespace mqttproxy::downlink {

namespace {

constexpr const char* kDefaultTopic = "mqttproxy-downlink";
constexpr const char* kClientName = "mqttproxy-downlink";

std::vector<std::string> read_backends(const config::Value& value) {
  std::vector<std::string> backends = value.as_string_list();
  if (!value.node().IsSequence() || backends.size() != value.node().size()) return backends;
  if (const auto problem = kafka::backends_problem(backends)) value.error(*problem);
  return backends;
}

std::string read_topic(const config::Value& value) {
  std::string name = value.as_string().value_or(kDefaultTopic);
  if (!kafka::is_legal_topic_name(name)) value.error("a Kafka topic is 1 to 249 of A-Z a-z 0-9 . _ -");
  return name;
}

std::vector<std::pair<std::string, std::string>> read_properties(const config::Value& value) {
  std::vector<std::pair<std::string, std::string>> properties;
  config::Object object(value);
  for (const auto& [name, entry] : object.entries()) {
    std::optional<std::string> text = entry.as_secret();
    if (!text) continue;
    if (const auto problem = kafka::property_problem(name, *text, kafka::PropertyUse::Bus)) {
      entry.error(*problem);
    } else {
      properties.emplace_back(name, std::move(*text));
    }
  }
  return properties;
}

}  // namespace

kafka::ProducerOptions producer_options(const KafkaBusOptions& options) {
  kafka::ProducerOptions producer;
  producer.name = kClientName;
  producer.backends = options.backends;
  producer.properties = options.properties;
  producer.properties.emplace_back("message.timeout.ms", std::to_string(options.publish_timeout.count()));
  producer.max_queue_messages = options.max_queue_messages;
  producer.max_queue_bytes = options.max_queue_bytes;
  return producer;
}

kafka::ConsumerOptions consumer_options(const KafkaBusOptions& options) {
  kafka::ConsumerOptions consumer;
  consumer.name = kClientName;
  consumer.backends = options.backends;
  consumer.properties = options.properties;
  consumer.topic = options.topic;
  consumer.max_queue_bytes = std::min(consumer.max_queue_bytes, options.max_queue_bytes);
  return consumer;
}

KafkaBusOptions read_kafka_bus(const config::Config& config) {
  const config::DownlinkConfig& downlink = config.node.downlink;
  KafkaBusOptions options;
  if (downlink.backend) options.backends = read_backends(*downlink.backend);
  options.topic.name = downlink.topic ? read_topic(*downlink.topic) : kDefaultTopic;
  options.topic.create = downlink.create_topics;
  options.topic.partitions = downlink.partitions;
  options.topic.replication_factor = downlink.replication_factor;
  options.topic.retention = downlink.retention;
  options.publish_timeout = downlink.publish_timeout;
  options.max_queue_messages = downlink.queue_messages;
  options.max_queue_bytes = downlink.queue_bytes;
  options.rules.proxies = config.proxy_names();
  options.rules.max_topic_bytes = config.node.limits.max_topic_bytes;
  options.rules.max_topic_levels = config.node.limits.max_topic_levels;
  if (downlink.properties) {
    options.properties = read_properties(*downlink.properties);
    // Whether librdkafka takes them together.
    auto problem = kafka::options_problem(producer_options(options));
    if (!problem) problem = kafka::options_problem(consumer_options(options));
    if (problem && config.diagnostics->ok()) downlink.properties->error(*problem);
  }
  return options;
}

}  // namespace mqttproxy::downlink
