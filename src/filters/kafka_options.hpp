// A Kafka filter's configuration, read and checked.
#pragma once

#include <array>
#include <string>

#include "mqttproxy/config/value.hpp"
#include "mqttproxy/kafka/producer.hpp"

#include "identity_headers.hpp"
#include "key_template.hpp"

namespace mqttproxy::filters {

/// What takes a message that has no mapped topic.
enum class TopicSource : std::uint8_t {
  Mapped,  // topic.default, else the MQTT topic with dots
  Mqtt,    // the MQTT topic with dots when that is a legal name, else topic.default
};

struct KafkaOptions {
  kafka::ProducerOptions producer;
  std::string default_topic;  // empty: none
  TopicSource source = TopicSource::Mapped;
  std::string topic_key;  // mqtt.topicKey …: names of per-packet data; empty: not used
  std::string header_key;
  std::string payload_key;
  KeyTemplate key;
  std::array<bool, kIdentityHeaders.size()> headers{};  // by IdentityHeader: whether it is written
};

/// Reads a filter's map; what is wrong with it goes to its diagnostics. Fills `producer` but for its name and the
/// topics other filters name.
[[nodiscard]] KafkaOptions read_kafka(const config::Value& value);

}  // namespace mqttproxy::filters
