// What a fan-out is made of on the wire: whole packets of any kind towards a subscriber, HTTP answers to a publisher.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mqttproxy::bench {

/// A Control Packet from a server: its first byte and what follows the remaining length.
struct ServerPacket {
  std::uint8_t first = 0;
  std::span<const std::uint8_t> body;

  [[nodiscard]] unsigned type() const { return first >> 4; }
};

/// A PUBLISH that came. Views into the packet.
struct Delivery {
  unsigned qos = 0;
  std::uint16_t packet_id = 0;  // 0 at QoS 0
  std::string_view topic;
  std::string_view payload;
};

/// nullopt: not a PUBLISH that a server may send: QoS 3, cut short, or without a packet id where it needs one.
[[nodiscard]] std::optional<Delivery> parse_delivery(const ServerPacket& packet);

/// Cuts a byte stream into packets. Bytes are copied only where a packet is cut between two reads.
class PacketStream {
 public:
  /// Calls sink(ServerPacket) for each complete packet. False: bytes that are no packet of less than 1 MiB came.
  template <typename Sink>
  [[nodiscard]] bool feed(std::span<const std::uint8_t> data, Sink&& sink) {
    if (!held_.empty()) {
      held_.insert(held_.end(), data.begin(), data.end());
      data = held_;
    }
    std::span<const std::uint8_t> rest = data;
    while (!rest.empty()) {
      const std::optional<Frame> frame = frame_of(rest);
      if (!frame) return false;
      if (frame->size == 0 || frame->size > rest.size()) break;
      sink(ServerPacket{rest[0], rest.first(frame->size).subspan(frame->header)});
      rest = rest.subspan(frame->size);
    }
    if (!rest.empty() || !held_.empty()) held_ = std::vector<std::uint8_t>(rest.begin(), rest.end());
    return true;
  }

 private:
  struct Frame {
    std::size_t header = 0;
    std::size_t size = 0;  // 0: not known yet
  };
  static std::optional<Frame> frame_of(std::span<const std::uint8_t> data);

  std::vector<std::uint8_t> held_;
};

/// The answers on a keep-alive connection with one request at a time.
class HttpAnswers {
 public:
  /// The status of the answer that is complete with `bytes`; nullopt: not complete yet. Throws LoadError: not HTTP/1.1,
  /// no Content-Length, more than the answer, or the connection will not be kept.
  std::optional<int> feed(std::string_view bytes);

 private:
  std::string text_;
};

/// A POST of `body` on a keep-alive connection.
[[nodiscard]] std::string http_post(std::string_view host, std::string_view path, std::string_view body);

}  // namespace mqttproxy::bench
