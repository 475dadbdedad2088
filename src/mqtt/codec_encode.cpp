#include <cassert>
#include <limits>

#include "mqttproxy/mqtt/codec.hpp"

namespace mqttproxy::mqtt {

namespace {

constexpr std::size_t kLengthPrefix = 2;
constexpr std::size_t kPacketIdBytes = 2;
constexpr unsigned kDupFlag = 0x08;

void put_byte(std::string& out, unsigned value) {
  out.push_back(static_cast<char>(value));
}

void put_number(std::string& out, std::uint16_t value) {
  put_byte(out, value >> 8U);
  put_byte(out, value & 0xFFU);
}

void put_string(std::string& out, std::string_view text) {
  assert(text.size() <= std::numeric_limits<std::uint16_t>::max());
  put_number(out, static_cast<std::uint16_t>(text.size()));
  out += text;
}

/// The fixed header.
void put_header(std::string& out, PacketType type, unsigned flags, std::size_t remaining_length) {
  assert(remaining_length <= 268'435'455);  // section 2.2.3: four digits of seven bits
  put_byte(out, static_cast<unsigned>(type) << 4U | flags);
  while (remaining_length > 0x7FU) {
    put_byte(out, static_cast<unsigned>(remaining_length & 0x7FU) | 0x80U);
    remaining_length >>= 7U;
  }
  put_byte(out, static_cast<unsigned>(remaining_length));
}

/// The low four bits of the first byte, for all types but PUBLISH. [MQTT-2.2.2-1]
constexpr unsigned reserved_flags(PacketType type) noexcept {
  switch (type) {
    case PacketType::Pubrel:       // [MQTT-3.6.1-1]
    case PacketType::Subscribe:    // [MQTT-3.8.1-1]
    case PacketType::Unsubscribe:  // [MQTT-3.10.1-1]
      return 0x02;
    default:
      return 0;
  }
}

unsigned connect_flags(const Connect& packet) noexcept {
  unsigned flags = 0;
  if (packet.clean_session) flags |= 0x02U;
  if (packet.will) {
    flags |= 0x04U | static_cast<unsigned>(packet.will->qos) << 3U;
    if (packet.will->retain) flags |= 0x20U;
  }
  if (packet.password) flags |= 0x40U;
  if (packet.username) flags |= 0x80U;
  return flags;
}

}  // namespace

void encode_connect(std::string& out, const Connect& packet) {
  assert(packet.username || !packet.password);  // [MQTT-3.1.2-22]
  const std::string_view protocol_name = packet.level == ProtocolLevel::V31 ? "MQIsdp" : "MQTT";
  std::size_t length = kLengthPrefix + protocol_name.size() + 1 + 1 + 2 + kLengthPrefix + packet.client_id.size();
  if (packet.will) length += 2 * kLengthPrefix + packet.will->topic.size() + packet.will->payload.size();
  if (packet.username) length += kLengthPrefix + packet.username->size();
  if (packet.password) length += kLengthPrefix + packet.password->size();

  put_header(out, PacketType::Connect, 0, length);
  put_string(out, protocol_name);
  put_byte(out, static_cast<unsigned>(packet.level));
  put_byte(out, connect_flags(packet));
  put_number(out, packet.keep_alive);
  put_string(out, packet.client_id);  // [MQTT-3.1.3-1] client id, will topic, will message, user name, password
  if (packet.will) {
    put_string(out, packet.will->topic);
    put_string(out, packet.will->payload);
  }
  if (packet.username) put_string(out, *packet.username);
  if (packet.password) put_string(out, *packet.password);
}

void encode_connack(std::string& out, const Connack& packet) {
  // [MQTT-3.2.2-4] a refusal never carries session present
  const bool accepted = packet.return_code == ConnectReturnCode::Accepted;
  put_header(out, PacketType::Connack, 0, 2);
  put_byte(out, accepted && packet.session_present ? 1U : 0U);
  put_byte(out, static_cast<unsigned>(packet.return_code));
}

void encode_publish(std::string& out, const Publish& packet) {
  const bool has_packet_id = packet.qos != Qos::AtMostOnce;
  assert(has_packet_id == (packet.packet_id != 0));  // [MQTT-2.3.1-1] [MQTT-2.3.1-5]
  encode_publish_head(out, packet);
  if (has_packet_id) put_number(out, packet.packet_id);
  out += packet.payload;
}

void encode_publish_head(std::string& out, const Publish& packet) {
  const bool has_packet_id = packet.qos != Qos::AtMostOnce;
  assert(has_packet_id || !packet.dup);  // [MQTT-3.3.1-2]
  const unsigned flags =
      (packet.dup ? kDupFlag : 0U) | static_cast<unsigned>(packet.qos) << 1U | (packet.retain ? 0x01U : 0U);
  const std::size_t length =
      kLengthPrefix + packet.topic.size() + (has_packet_id ? kPacketIdBytes : 0) + packet.payload.size();

  put_header(out, PacketType::Publish, flags, length);
  put_string(out, packet.topic);
}

void set_dup(std::string& packets, std::size_t position) noexcept {
  packets[position] = static_cast<char>(static_cast<std::uint8_t>(packets[position]) | kDupFlag);
}

void encode_packet_id(std::string& out, PacketType type, PacketId packet_id) {
  put_header(out, type, reserved_flags(type), kPacketIdBytes);
  put_number(out, packet_id);
}

void encode_empty(std::string& out, PacketType type) {
  put_header(out, type, 0, 0);
}

void encode_subscribe(std::string& out, const Subscribe& packet) {
  std::size_t length = kPacketIdBytes;
  for (const TopicRequest& request : packet.requests) length += kLengthPrefix + request.filter.size() + 1;
  put_header(out, PacketType::Subscribe, reserved_flags(PacketType::Subscribe), length);
  put_number(out, packet.packet_id);
  for (const TopicRequest& request : packet.requests) {
    put_string(out, request.filter);
    put_byte(out, static_cast<unsigned>(request.qos));
  }
}

void encode_unsubscribe(std::string& out, const Unsubscribe& packet) {
  std::size_t length = kPacketIdBytes;
  for (const std::string_view filter : packet.filters) length += kLengthPrefix + filter.size();
  put_header(out, PacketType::Unsubscribe, reserved_flags(PacketType::Unsubscribe), length);
  put_number(out, packet.packet_id);
  for (const std::string_view filter : packet.filters) put_string(out, filter);
}

void encode_suback(std::string& out, const Suback& packet) {
  put_header(out, PacketType::Suback, 0, kPacketIdBytes + packet.return_codes.size());
  put_number(out, packet.packet_id);
  for (const std::uint8_t code : packet.return_codes) put_byte(out, code);
}

}  // namespace mqttproxy::mqtt
