// The record headers that say who sent a message: written by the Kafka filter, never by a mapping.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace mqttproxy::filters {

enum class IdentityHeader : std::uint8_t { ClientId, Username, MqttTopic, MqttQos, MqttRetain };

/// By IdentityHeader.
inline constexpr std::array<std::string_view, 5> kIdentityHeaders = {"clientID", "username", "mqttTopic", "mqttQos",
                                                                     "mqttRetain"};

/// Why a record is in the dead-letter topic.
inline constexpr std::string_view kDeadLetterReason = "deadLetterReason";

[[nodiscard]] constexpr std::string_view to_string(IdentityHeader header) noexcept {
  return kIdentityHeaders[static_cast<std::size_t>(header)];
}

[[nodiscard]] inline bool is_identity_header(std::string_view name) noexcept {
  return std::ranges::find(kIdentityHeaders, name) != kIdentityHeaders.end();
}

}  // namespace mqttproxy::filters
