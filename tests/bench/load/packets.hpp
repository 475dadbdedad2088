// The few MQTT 3.1.1 packets a load generator needs. Written apart from the product's codec on purpose: a
// measuring tool must not share the mistakes of what it measures.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <sys/uio.h>

namespace mqttproxy::bench {

struct ConnectFields {
  std::string_view client_id;
  std::string_view username;  // empty: no user name, no password
  std::string_view password;
};

/// CONNECT with clean session 1 and the longest keep-alive: no server closes an idle connection meanwhile, and rumqttd
/// takes no 0.
[[nodiscard]] std::string encode_connect(const ConnectFields& fields);

/// QoS 0 … 2; `packet_id` is left out at QoS 0.
[[nodiscard]] std::string encode_publish(std::string_view topic, std::string_view payload, unsigned qos,
                                         std::uint16_t packet_id);
/// One filter, with packet id 1.
[[nodiscard]] std::string encode_subscribe(std::string_view filter, unsigned qos);
void append_puback(std::string& out, std::uint16_t packet_id);

inline constexpr std::string_view kPingreq{"\xC0\x00", 2};
inline constexpr std::string_view kDisconnect{"\xE0\x00", 2};

/// Equally long packets with the packet ids 1 … slots, encoded once, sent over and over: sequence number n is the
/// packet in slot n mod slots. Nothing is encoded or copied while the load runs.
class PacketRing {
 public:
  /// PUBLISH packets; qos 0 … 2, slots 1 … 65,535. The payload is printable filler of `payload_bytes`.
  static PacketRing publish(std::string_view topic, std::size_t payload_bytes, unsigned qos, std::uint32_t slots);
  static PacketRing pubrel(std::uint32_t slots);

  [[nodiscard]] std::uint32_t slots() const { return slots_; }
  [[nodiscard]] std::size_t packet_bytes() const { return bytes_.size() / slots_; }
  [[nodiscard]] std::uint16_t packet_id(std::uint64_t sequence) const {
    return static_cast<std::uint16_t>(sequence % slots_ + 1);
  }
  /// The bytes of packets [first, first + count), count ≤ slots: one piece, or two where the ring wraps.
  /// Returns how many entries of `out` were set.
  std::size_t gather(std::uint64_t first, std::uint32_t count, std::span<iovec, 2> out) const;

 private:
  PacketRing(std::string bytes, std::uint32_t slots) : bytes_(std::move(bytes)), slots_(slots) {}

  std::string bytes_;
  std::uint32_t slots_;
};

enum class AnswerType : std::uint8_t { Connack = 0x20, Puback = 0x40, Pubrec = 0x50, Pubcomp = 0x70, Pingresp = 0xD0 };

struct Answer {
  AnswerType type;
  std::uint16_t value;  // packet id; the return code of a CONNACK; 0 of a PINGRESP
};

/// Cuts a byte stream into answers. Everything a server may send to a publisher is at most 4 bytes long, so that is
/// all a connection has to remember between two reads.
class AnswerStream {
 public:
  /// Calls sink(Answer) for each complete packet. False: bytes that are no such packet came; the stream is dead.
  template <typename Sink>
  [[nodiscard]] bool feed(std::span<const std::uint8_t> data, Sink&& sink) {
    while (held_ > 0 && !data.empty()) {
      hold_[held_++] = data.front();
      data = data.subspan(1);
      if (held_ < length_of(hold_[0])) continue;
      held_ = 0;
      if (!deliver(hold_.data(), sink)) return false;
    }
    while (!data.empty()) {
      const std::size_t length = length_of(data[0]);
      if (length == 0) return false;
      if (data.size() < length) {
        for (const std::uint8_t byte : data) hold_[held_++] = byte;
        return true;
      }
      if (!deliver(data.data(), sink)) return false;
      data = data.subspan(length);
    }
    return true;
  }

 private:
  /// Length of an answer that starts with this byte; 0: none does.
  static std::size_t length_of(std::uint8_t first) {
    switch (first) {
      case 0x20:
      case 0x40:
      case 0x50:
      case 0x70:
        return 4;
      case 0xD0:
        return 2;
      default:
        return 0;
    }
  }

  template <typename Sink>
  static bool deliver(const std::uint8_t* packet, Sink& sink) {
    const auto type = static_cast<AnswerType>(packet[0]);
    const std::size_t length = length_of(packet[0]);
    if (packet[1] != length - 2) return false;
    if (type == AnswerType::Pingresp) {
      sink(Answer{type, 0});
    } else if (type == AnswerType::Connack) {
      sink(Answer{type, packet[3]});
    } else {
      sink(Answer{type, static_cast<std::uint16_t>(packet[2] << 8 | packet[3])});
    }
    return true;
  }

  std::array<std::uint8_t, 4> hold_{};
  std::uint8_t held_ = 0;
};

}  // namespace mqttproxy::bench
