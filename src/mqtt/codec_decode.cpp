// The fixed header and every body but CONNECT's. MQTT 3.1.1 chapters 2 and 3.
#include <limits>

#include "mqttproxy/mqtt/codec.hpp"
#include "mqttproxy/mqtt/topic.hpp"

#include "reader.hpp"

namespace mqttproxy::mqtt {

namespace {

constexpr std::uint8_t kDup = 0x08;

constexpr unsigned publish_qos(std::uint8_t flags) noexcept {
  return (flags >> 1U) & 0x03U;
}

Errc check_publish_flags(std::uint8_t flags) noexcept {
  if (publish_qos(flags) == 3) return Errc::InvalidQos;                          // [MQTT-3.3.1-4]
  if (publish_qos(flags) == 0 && (flags & kDup) != 0) return Errc::DupWithQos0;  // [MQTT-3.3.1-2]
  return Errc::Ok;
}

Errc check_first_byte(PacketType type, std::uint8_t flags, ProtocolLevel level) noexcept {
  switch (type) {
    case PacketType::Publish:
      return check_publish_flags(flags);
    case PacketType::Pubrel:       // [MQTT-3.6.1-1]
    case PacketType::Subscribe:    // [MQTT-3.8.1-1]
    case PacketType::Unsubscribe:  // [MQTT-3.10.1-1]
      // MQTT 3.1 sends these with QoS 1 (the same bits), and sets DUP when it repeats one.
      if (level == ProtocolLevel::V31) flags &= static_cast<std::uint8_t>(~kDup);
      return flags == 0x02U ? Errc::Ok : Errc::ReservedFlags;
    case PacketType::Connect:
    case PacketType::Connack:
    case PacketType::Puback:
    case PacketType::Pubrec:
    case PacketType::Pubcomp:
    case PacketType::Suback:
    case PacketType::Unsuback:
    case PacketType::Pingreq:
    case PacketType::Pingresp:
    case PacketType::Disconnect:
      return flags == 0 ? Errc::Ok : Errc::ReservedFlags;  // [MQTT-2.2.2-2] [MQTT-3.14.1-1]
  }
  return Errc::ReservedPacketType;
}

/// False when a packet of `type` can't have this remaining length, so that its body need not be waited for.
bool is_possible_length(PacketType type, std::uint32_t remaining_length) noexcept {
  switch (type) {
    case PacketType::Connack:
    case PacketType::Puback:
    case PacketType::Pubrec:
    case PacketType::Pubrel:
    case PacketType::Pubcomp:
    case PacketType::Unsuback:
      return remaining_length == 2;
    case PacketType::Pingreq:
    case PacketType::Pingresp:
    case PacketType::Disconnect:
      return remaining_length == 0;
    case PacketType::Connect:
    case PacketType::Publish:
    case PacketType::Subscribe:
    case PacketType::Suback:
    case PacketType::Unsubscribe:
      break;
  }
  return true;
}

/// Checks the form only: a filter beyond a limit of ours is the client's right to ask for, and ours to refuse.
Errc read_filter(Reader& in, std::string_view& out) noexcept {
  if (const Errc e = in.utf8(out); e != Errc::Ok) return e;  // [MQTT-3.8.3-1] [MQTT-3.10.3-1]
  return is_topic_filter(out, std::numeric_limits<std::size_t>::max()) ? Errc::Ok : Errc::TopicFilter;
}

bool is_beyond(const DecodeLimits& limits, std::string_view filter) noexcept {
  return filter.size() > limits.max_topic_bytes || level_count(filter) > limits.max_topic_levels;
}

Errc read_requested_qos(Reader& in, Qos& out) noexcept {
  std::uint8_t byte = 0;
  if (const Errc e = in.byte(byte); e != Errc::Ok) return e;
  if ((byte & 0xFCU) != 0) return Errc::ReservedFlags;  // [MQTT-3-8.3-4]
  if (byte == 3) return Errc::InvalidQos;               // [MQTT-3-8.3-4]
  out = static_cast<Qos>(byte);
  return Errc::Ok;
}

constexpr bool is_suback_code(std::uint8_t code) noexcept {
  return code <= 2 || code == 0x80U;
}

}  // namespace

Result<std::optional<FixedHeader>> decode_fixed_header(std::string_view bytes, const DecodeLimits& limits,
                                                       ProtocolLevel level) noexcept {
  static constexpr std::size_t kMaxLengthBytes = 4;
  if (bytes.empty()) return std::nullopt;
  const auto first = static_cast<std::uint8_t>(bytes[0]);
  FixedHeader out{.type = static_cast<PacketType>(first >> 4U), .flags = static_cast<std::uint8_t>(first & 0x0FU)};
  if (const Errc e = check_first_byte(out.type, out.flags, level); e != Errc::Ok) return e;

  for (std::size_t i = 0; i < kMaxLengthBytes; ++i) {
    if (1 + i == bytes.size()) return std::nullopt;
    const auto digit = static_cast<std::uint8_t>(bytes[1 + i]);
    out.remaining_length |= (digit & 0x7FU) << (7U * i);
    if ((digit & 0x80U) != 0) continue;
    out.header_bytes = static_cast<std::uint8_t>(2 + i);
    if (out.packet_bytes() > limits.max_packet_bytes) return Errc::PacketTooLarge;
    if (!is_possible_length(out.type, out.remaining_length)) return Errc::BodyLength;
    return out;
  }
  return Errc::RemainingLengthMalformed;
}

Result<Publish> decode_publish(std::uint8_t flags, std::string_view body, const DecodeLimits& limits) noexcept {
  if (const Errc e = check_publish_flags(flags); e != Errc::Ok) return e;
  Reader in(body);
  Publish out{.qos = static_cast<Qos>(publish_qos(flags)), .retain = (flags & 0x01U) != 0, .dup = (flags & kDup) != 0};
  if (const Errc e = in.topic_name(limits, out.topic); e != Errc::Ok) return e;
  if (out.qos != Qos::AtMostOnce) {  // [MQTT-2.3.1-5] no packet id with QoS 0
    if (const Errc e = in.packet_id(out.packet_id); e != Errc::Ok) return e;
  }
  out.payload = in.rest();
  return out;
}

Result<PacketId> decode_packet_id(std::string_view body) noexcept {
  Reader in(body);
  PacketId out = 0;
  if (const Errc e = in.packet_id(out); e != Errc::Ok) return e;
  if (!in.empty()) return Errc::BodyLength;
  return out;
}

Result<void> decode_empty(std::string_view body) noexcept {
  if (!body.empty()) return Errc::BodyLength;
  return {};
}

Result<Connack> decode_connack(std::string_view body) noexcept {
  Reader in(body);
  std::uint8_t flags = 0;
  std::uint8_t code = 0;
  if (const Errc e = in.byte(flags); e != Errc::Ok) return e;
  if (const Errc e = in.byte(code); e != Errc::Ok) return e;
  if (!in.empty()) return Errc::BodyLength;
  if ((flags & 0xFEU) != 0) return Errc::ReservedFlags;  // section 3.2.2.1
  if (code > static_cast<std::uint8_t>(ConnectReturnCode::NotAuthorized)) return Errc::ReturnCode;
  if (flags != 0 && code != 0) return Errc::ReturnCode;  // [MQTT-3.2.2-4]
  return Connack{.session_present = flags != 0, .return_code = static_cast<ConnectReturnCode>(code)};
}

Result<Subscribe> decode_subscribe(std::string_view body, const DecodeLimits& limits) {
  Reader in(body);
  Subscribe out;
  if (const Errc e = in.packet_id(out.packet_id); e != Errc::Ok) return e;
  if (in.empty()) return Errc::NoFilters;  // [MQTT-3.8.3-3]
  while (!in.empty()) {
    TopicRequest request;
    if (const Errc e = read_filter(in, request.filter); e != Errc::Ok) return e;
    if (const Errc e = read_requested_qos(in, request.qos); e != Errc::Ok) return e;
    request.refused = out.requests.size() >= limits.max_filters_per_packet || is_beyond(limits, request.filter);
    out.requests.push_back(request);
  }
  return out;
}

Result<Unsubscribe> decode_unsubscribe(std::string_view body) {
  Reader in(body);
  Unsubscribe out;
  if (const Errc e = in.packet_id(out.packet_id); e != Errc::Ok) return e;
  if (in.empty()) return Errc::NoFilters;  // [MQTT-3.10.3-2]
  while (!in.empty()) {
    std::string_view filter;
    if (const Errc e = read_filter(in, filter); e != Errc::Ok) return e;
    out.filters.push_back(filter);
  }
  return out;
}

Result<Suback> decode_suback(std::string_view body) {
  Reader in(body);
  Suback out;
  if (const Errc e = in.packet_id(out.packet_id); e != Errc::Ok) return e;
  if (in.empty()) return Errc::BodyLength;
  for (const char c : in.rest()) {
    const auto code = static_cast<std::uint8_t>(c);
    if (!is_suback_code(code)) return Errc::ReturnCode;  // [MQTT-3.9.3-2]
    out.return_codes.push_back(code);
  }
  return out;
}

}  // namespace mqttproxy::mqtt
