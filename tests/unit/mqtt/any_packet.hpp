// Any Control Packet from bytes and back; for tests and fuzz targets that treat all fourteen types alike.
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "mqttproxy/mqtt/codec.hpp"

namespace mqttproxy::mqtt::test {

/// PUBACK, PUBREC, PUBREL, PUBCOMP, UNSUBACK.
struct Acknowledgement {
  PacketType type{};
  PacketId packet_id = 0;
  friend bool operator==(const Acknowledgement&, const Acknowledgement&) = default;
};

/// PINGREQ, PINGRESP, DISCONNECT.
struct Empty {
  PacketType type{};
  friend bool operator==(const Empty&, const Empty&) = default;
};

using AnyPacket = std::variant<Connect, Connack, Publish, Acknowledgement, Subscribe, Suback, Unsubscribe, Empty>;

template <class T>
Result<AnyPacket> widen(Result<T> result) {
  if (!result) return result.error();
  return AnyPacket(std::move(*result));
}

inline Result<AnyPacket> decode_any(PacketType type, std::uint8_t flags, std::string_view body,
                                    const DecodeLimits& limits) {
  switch (type) {
    case PacketType::Connect:
      return widen(decode_connect(body, limits));
    case PacketType::Connack:
      return widen(decode_connack(body));
    case PacketType::Publish:
      return widen(decode_publish(flags, body, limits));
    case PacketType::Puback:
    case PacketType::Pubrec:
    case PacketType::Pubrel:
    case PacketType::Pubcomp:
    case PacketType::Unsuback: {
      const Result<PacketId> id = decode_packet_id(body);
      if (!id) return id.error();
      return AnyPacket(Acknowledgement{type, *id});
    }
    case PacketType::Subscribe:
      return widen(decode_subscribe(body, limits));
    case PacketType::Suback:
      return widen(decode_suback(body));
    case PacketType::Unsubscribe:
      return widen(decode_unsubscribe(body));
    case PacketType::Pingreq:
    case PacketType::Pingresp:
    case PacketType::Disconnect: {
      const Result<void> empty = decode_empty(body);
      if (!empty) return empty.error();
      return AnyPacket(Empty{type});
    }
  }
  return Errc::ReservedPacketType;
}

struct Encoder {
  std::string& out;

  void operator()(const Connect& packet) const { encode_connect(out, packet); }
  void operator()(const Connack& packet) const { encode_connack(out, packet); }
  void operator()(const Publish& packet) const { encode_publish(out, packet); }
  void operator()(const Acknowledgement& packet) const { encode_packet_id(out, packet.type, packet.packet_id); }
  void operator()(const Subscribe& packet) const { encode_subscribe(out, packet); }
  void operator()(const Suback& packet) const { encode_suback(out, packet); }
  void operator()(const Unsubscribe& packet) const { encode_unsubscribe(out, packet); }
  void operator()(const Empty& packet) const { encode_empty(out, packet.type); }
};

inline std::string encode_any(const AnyPacket& packet) {
  std::string out;
  std::visit(Encoder{out}, packet);
  return out;
}

}  // namespace mqttproxy::mqtt::test
