// A message from a backend to devices.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "mqttproxy/mqtt/packets.hpp"

namespace mqttproxy::downlink {

/// Immutable once published: every worker shares the same one.
struct Message {
  std::string proxy;                      // name of the MQTTProxy whose clients get it
  std::string topic;                      // a valid topic name
  std::string payload;                    // bytes
  mqtt::Qos qos = mqtt::Qos::AtMostOnce;  // 0 or 1
  /// Seconds after which it is worth nothing any more; nullopt: never. The bus through Kafka looks at it.
  std::optional<std::uint32_t> expiry = std::nullopt;
  /// Where it stands in the downlink topic; -1 in memory.
  std::int32_t partition = -1;
  std::int64_t offset = -1;

  /// What it counts for in a queue.
  [[nodiscard]] std::size_t bytes() const noexcept { return sizeof *this + topic.size() + payload.size(); }
};

using MessagePtr = std::shared_ptr<const Message>;

}  // namespace mqttproxy::downlink
