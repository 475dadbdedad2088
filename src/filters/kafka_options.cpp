#include "kafka_options.hpp"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "mqttproxy/kafka/properties.hpp"

#include "common.hpp"

namespace mqttproxy::filters {

namespace {

constexpr std::string_view kEmbedded = "embedded";

// Bounds of librdkafka's queue.buffering.max.messages and .kbytes, kept to what a machine can hold.
constexpr std::int64_t kMaxQueueMessages = 10'000'000;
constexpr std::uint64_t kMinQueueBytes = 64ULL << 10U;
constexpr std::uint64_t kMaxQueueBytes = 64ULL << 30U;
constexpr std::int64_t kMaxDynamicTopics = 1'000'000;

bool is_broker_address(std::string_view text) {
  return !text.empty() && text.find_first_of(", \t\r\n") == std::string_view::npos;
}

std::vector<std::string> read_backends(config::Object& object) {
  std::vector<std::string> backends;
  const auto value = object.require("backend");
  if (!value) return backends;
  const std::vector<config::Value> list = value->as_list();
  for (const config::Value& entry : list) {
    std::optional<std::string> address = entry.as_string();
    if (!address) continue;
    if (!is_broker_address(*address)) {
      entry.error("must be one broker, host:port, or embedded");
    } else if (*address == kEmbedded && list.size() != 1) {
      entry.error("embedded stands alone: it is a broker inside this process");
    } else if (std::ranges::count(backends, *address) != 0) {
      entry.error("duplicated broker " + *address);
    } else {
      backends.push_back(std::move(*address));
    }
  }
  if (value->node().IsSequence() && list.empty()) value->error("needs at least one broker, host:port, or embedded");
  return backends;
}

/// The Kafka topic under `key`; "" when there is none or it is illegal.
std::string read_topic_name(config::Object& object, std::string_view key) {
  const auto value = object.find_set(key);
  if (!value) return {};
  std::string name = value->as_string().value_or("");
  if (!name.empty()) check_kafka_topic(*value, name);
  return name;
}

void read_topic(config::Object& object, KafkaOptions& options) {
  static constexpr std::array<std::string_view, 2> kSources = {"mapped", "mqtt"};
  const auto value = object.find_set("topic");
  if (!value) return;
  config::Object topic(*value);
  options.default_topic = read_topic_name(topic, "default");
  if (const auto source = topic.find_set("source")) {
    options.source = source->as_choice(kSources) == "mqtt" ? TopicSource::Mqtt : TopicSource::Mapped;
  }
  options.producer.max_dynamic_topics =
      static_cast<std::uint32_t>(topic.integer_or("maxDynamic", 1'000, 0, kMaxDynamicTopics));
  topic.finish();
}

void read_data_keys(config::Object& object, KafkaOptions& options) {
  const auto value = object.find_set("mqtt");
  if (!value) return;
  config::Object keys(*value);
  options.topic_key = keys.string_or("topicKey", "");
  options.header_key = keys.string_or("headerKey", "");
  options.payload_key = keys.string_or("payloadKey", "");
  keys.finish();
}

KeyTemplate read_key(config::Object& object) {
  std::string problem;
  const auto value = object.find_set("key");
  const std::string text = value ? value->as_string().value_or("") : "%c";
  std::optional<KeyTemplate> key = KeyTemplate::parse(text, problem);
  if (!key) value->error(problem);
  return key.value_or(KeyTemplate());
}

void read_headers(config::Object& object, KafkaOptions& options) {
  const auto value = object.find_set("headers");
  if (!value) {
    options.headers.fill(true);
    return;
  }
  for (const config::Value& entry : value->as_list()) {
    const std::optional<std::string> name = entry.as_choice(kIdentityHeaders);
    if (!name) continue;
    bool& written =
        options
            .headers[static_cast<std::size_t>(std::ranges::find(kIdentityHeaders, *name) - kIdentityHeaders.begin())];
    if (written) entry.error("duplicated header name " + *name);
    written = true;
  }
}

void read_queue(config::Object& object, kafka::ProducerOptions& producer) {
  const auto value = object.find_set("queue");
  if (!value) return;
  config::Object queue(*value);
  producer.max_queue_messages =
      static_cast<std::uint32_t>(queue.integer_or("maxMessages", producer.max_queue_messages, 1, kMaxQueueMessages));
  producer.max_queue_bytes = queue.bytes_or("maxBytes", producer.max_queue_bytes, kMinQueueBytes, kMaxQueueBytes);
  queue.finish();
}

void read_properties(config::Object& object, kafka::ProducerOptions& producer) {
  const auto value = object.find_set("properties");
  if (!value) return;
  config::Object properties(*value);
  for (const auto& [name, entry] : properties.entries()) {
    std::optional<std::string> text = entry.as_secret();
    if (!text) continue;
    if (const auto problem = kafka::property_problem(name, *text)) {
      entry.error(*problem);
    } else {
      producer.properties.emplace_back(name, std::move(*text));
    }
  }
}

}  // namespace

KafkaOptions read_kafka(const config::Value& value) {
  KafkaOptions options;
  config::Object object(value);
  ignore_common_keys(object);
  options.producer.backends = read_backends(object);
  read_topic(object, options);
  read_data_keys(object, options);
  options.key = read_key(object);
  read_headers(object, options);
  options.producer.dead_letter_topic = read_topic_name(object, "deadLetter");
  read_queue(object, options.producer);
  read_properties(object, options.producer);
  object.finish();
  return options;
}

}  // namespace mqttproxy::filters
