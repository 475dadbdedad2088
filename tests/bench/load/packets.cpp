#include "load/packets.hpp"

#include <algorithm>
#include <utility>

namespace mqttproxy::bench {
namespace {

void append_u16(std::string& out, std::size_t value) {
  out += static_cast<char>(value >> 8 & 0xFF);
  out += static_cast<char>(value & 0xFF);
}

void append_text(std::string& out, std::string_view text) {
  append_u16(out, text.size());
  out += text;
}

void append_remaining_length(std::string& out, std::size_t length) {
  do {
    const std::size_t digit = length % 128;
    length /= 128;
    out += static_cast<char>(length > 0 ? digit | 0x80 : digit);
  } while (length > 0);
}

std::string packet(unsigned first_byte, std::string_view body) {
  std::string out(1, static_cast<char>(first_byte));
  append_remaining_length(out, body.size());
  out += body;
  return out;
}

}  // namespace

std::string encode_connect(const ConnectFields& fields) {
  constexpr unsigned kCleanSession = 0x02;
  constexpr unsigned kUserNameAndPassword = 0xC0;
  constexpr unsigned kKeepAlive = 65'535;
  std::string body;
  append_text(body, "MQTT");
  body += '\x04';
  body += static_cast<char>(fields.username.empty() ? kCleanSession : kCleanSession | kUserNameAndPassword);
  append_u16(body, kKeepAlive);
  append_text(body, fields.client_id);
  if (!fields.username.empty()) {
    append_text(body, fields.username);
    append_text(body, fields.password);
  }
  return packet(0x10, body);
}

std::string encode_publish(std::string_view topic, std::string_view payload, unsigned qos, std::uint16_t packet_id) {
  std::string body;
  append_text(body, topic);
  if (qos > 0) append_u16(body, packet_id);
  body += payload;
  return packet(0x30 | qos << 1, body);
}

std::string encode_subscribe(std::string_view filter, unsigned qos) {
  std::string body;
  append_u16(body, 1);
  append_text(body, filter);
  body += static_cast<char>(qos);
  return packet(0x82, body);
}

void append_puback(std::string& out, std::uint16_t packet_id) {
  out += "\x40\x02";
  append_u16(out, packet_id);
}

PacketRing PacketRing::publish(std::string_view topic, std::size_t payload_bytes, unsigned qos, std::uint32_t slots) {
  std::string payload(payload_bytes, '\0');
  for (std::size_t i = 0; i < payload.size(); ++i) payload[i] = static_cast<char>('a' + i % 26);
  std::string bytes;
  for (std::uint32_t slot = 0; slot < slots; ++slot) {
    bytes += encode_publish(topic, payload, qos, static_cast<std::uint16_t>(slot + 1));
  }
  return {std::move(bytes), slots};
}

PacketRing PacketRing::pubrel(std::uint32_t slots) {
  std::string bytes;
  for (std::uint32_t slot = 0; slot < slots; ++slot) {
    bytes += "\x62\x02";
    append_u16(bytes, slot + 1);
  }
  return {std::move(bytes), slots};
}

std::size_t PacketRing::gather(std::uint64_t first, std::uint32_t count, std::span<iovec, 2> out) const {
  const std::size_t size = packet_bytes();
  const std::size_t slot = first % slots_;
  const std::size_t before_wrap = std::min<std::size_t>(count, slots_ - slot);
  // writev() never writes through iov_base; the type is C's.
  auto* base = const_cast<char*>(bytes_.data());
  out[0] = {base + slot * size, before_wrap * size};
  if (before_wrap == count) return 1;
  out[1] = {base, (count - before_wrap) * size};
  return 2;
}

}  // namespace mqttproxy::bench
