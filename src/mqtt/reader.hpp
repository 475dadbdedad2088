// Takes the fields of a packet's body off its front. Shared by the decoders; not for other rooms.
#pragma once

#include <cstdint>
#include <string_view>

#include "mqttproxy/mqtt/codec.hpp"
#include "mqttproxy/mqtt/error.hpp"

#include "text_scan.hpp"

namespace mqttproxy::mqtt {

/// Every function leaves `out` alone and answers an error other than Ok when the field is missing or wrong.
class Reader {
 public:
  explicit Reader(std::string_view body) noexcept : rest_(body) {}

  [[nodiscard]] bool empty() const noexcept { return rest_.empty(); }
  [[nodiscard]] std::string_view rest() const noexcept { return rest_; }

  [[nodiscard]] Errc byte(std::uint8_t& out) noexcept {
    if (rest_.empty()) return Errc::BodyLength;
    out = byte_at(0);
    rest_.remove_prefix(1);
    return Errc::Ok;
  }

  [[nodiscard]] Errc number(std::uint16_t& out) noexcept {
    if (rest_.size() < 2) return Errc::BodyLength;
    out = static_cast<std::uint16_t>(byte_at(0) << 8U | byte_at(1));
    rest_.remove_prefix(2);
    return Errc::Ok;
  }

  [[nodiscard]] Errc packet_id(PacketId& out) noexcept {
    std::uint16_t id = 0;
    if (const Errc e = number(id); e != Errc::Ok) return e;
    if (id == 0) return Errc::PacketIdZero;  // [MQTT-2.3.1-1]
    out = id;
    return Errc::Ok;
  }

  /// Bytes behind a two-byte length: will message and password.
  [[nodiscard]] Errc binary(std::string_view& out) noexcept {
    std::uint16_t size = 0;
    if (const Errc e = number(size); e != Errc::Ok) return e;
    if (rest_.size() < size) return Errc::BodyLength;
    out = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return Errc::Ok;
  }

  [[nodiscard]] Errc utf8(std::string_view& out) noexcept {
    std::string_view text;
    if (const Errc e = binary(text); e != Errc::Ok) return e;
    if (!scan_text(text).is_utf8) return Errc::InvalidUtf8;  // [MQTT-1.5.3-1] [MQTT-1.5.3-2]
    out = text;
    return Errc::Ok;
  }

  [[nodiscard]] Errc topic_name(const DecodeLimits& limits, std::string_view& out) noexcept {
    std::string_view text;
    if (const Errc e = binary(text); e != Errc::Ok) return e;
    if (text.empty() || text.size() > limits.max_topic_bytes) return Errc::TopicName;  // [MQTT-4.7.3-1]
    const TextScan scan = scan_text(text);
    if (!scan.is_utf8) return Errc::InvalidUtf8;  // [MQTT-3.3.2-1] [MQTT-4.7.3-2]
    if (scan.has_wildcard || scan.levels > limits.max_topic_levels) return Errc::TopicName;  // [MQTT-3.3.2-2]
    out = text;
    return Errc::Ok;
  }

 private:
  [[nodiscard]] std::uint8_t byte_at(std::size_t i) const noexcept { return static_cast<std::uint8_t>(rest_[i]); }

  std::string_view rest_;
};

}  // namespace mqttproxy::mqtt
