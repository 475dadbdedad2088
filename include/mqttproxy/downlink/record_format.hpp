// A message as a Kafka record, and back. Pure functions.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <span>
#include <string_view>

#include "mqttproxy/downlink/kafka_bus.hpp"
#include "mqttproxy/downlink/message.hpp"
#include "mqttproxy/kafka/consumer.hpp"

namespace mqttproxy::downlink {

inline constexpr std::string_view kQosHeader = "qos";        // "0" or "1"; without it 1
inline constexpr std::string_view kExpiryHeader = "expiry";  // seconds from the record's time; without it: never
inline constexpr std::string_view kProxyHeader = "proxy";    // name of the MQTTProxy; without it the node's only one

/// What becomes of a record.
enum class Fate : std::uint8_t {
  Deliver,
  Expired,
  OtherProxy,  // names an MQTTProxy this node does not have
  NoTopic,     // no key
  BadTopic,    // the key is no topic name, or beyond the limits
  BadQos,
  BadExpiry,
  NoProxy,   // names no MQTTProxy, and this node has several
  TooLarge,  // does not fit into an MQTT packet
  Count_
};

/// Metrics label: "no_topic".
[[nodiscard]] std::string_view label(Fate fate) noexcept;

/// `message` is filled when the fate is Deliver. Of a header given twice the last one counts; others are not looked at.
[[nodiscard]] Fate decode(const kafka::ConsumedRecord& record, const RecordRules& rules,
                          std::chrono::system_clock::time_point now, Message& message);

/// The headers of a message's record; the key is its topic, the value its payload. Views into the message and this
/// object.
class RecordHeaders {
 public:
  explicit RecordHeaders(const Message& message);
  RecordHeaders(const RecordHeaders&) = delete;
  RecordHeaders& operator=(const RecordHeaders&) = delete;
  [[nodiscard]] std::span<const kafka::Header> get() const noexcept { return std::span(headers_).first(count_); }

 private:
  std::array<char, 10> expiry_{};  // the longest 32-bit number
  std::array<kafka::Header, 3> headers_;
  std::size_t count_ = 2;
};

}  // namespace mqttproxy::downlink
