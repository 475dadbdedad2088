// Bytes to packets and back. Pure functions, no I/O, no state, no allocation for PUBLISH and the acknowledgements;
// fuzzed by tests/fuzz. Decoders take the body of one packet (what follows the fixed header) and return views into it.
// Every decoder is strict: wrong flags, wrong lengths, bad UTF-8 and trailing bytes are errors.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <boost/system/result.hpp>

#include "mqttproxy/mqtt/error.hpp"
#include "mqttproxy/mqtt/packets.hpp"

namespace mqttproxy::mqtt {

template <class T>
using Result = boost::system::result<T>;

/// Bounds a decoder enforces before anything is allocated. Bytes unless said otherwise.
struct DecodeLimits {
  std::uint32_t max_packet_bytes = 1'000'000;  // whole packet, fixed header included
  std::uint16_t max_client_id_bytes = 1'024;
  std::uint16_t max_topic_bytes = 4'096;  // topic names and filters
  std::uint16_t max_topic_levels = 128;   // topic names and filters
  std::uint16_t max_filters_per_packet = 1'000;
};

/// The fixed header at the front of `bytes`. nullopt: more bytes are needed (never more than 5 to decide).
/// Errors: ReservedPacketType and the flag errors of section 2.2.2 from the first byte alone; RemainingLengthMalformed;
/// PacketTooLarge; BodyLength where the type has one length only (2: CONNACK, the acknowledgements; 0: PINGREQ …).
/// `level`: what the connection's CONNECT said. MQTT 3.1 may set DUP on PUBREL, SUBSCRIBE and UNSUBSCRIBE.
[[nodiscard]] Result<std::optional<FixedHeader>> decode_fixed_header(
    std::string_view bytes, const DecodeLimits& limits, ProtocolLevel level = ProtocolLevel::V311) noexcept;

/// Errors that are answered with a CONNACK: UnacceptableProtocolLevel (return code 1), ClientIdRejected (2: empty with
/// clean session 0, empty in MQTT 3.1, or longer than the limit). Every other error closes the connection without an
/// answer, and wins over ClientIdRejected. MQTT 3.1 forgives what its own text forgives: an unused bit 0, will bits
/// without a will, and a flagged user name or password for which the packet has no bytes left.
[[nodiscard]] Result<Connect> decode_connect(std::string_view body, const DecodeLimits& limits) noexcept;
[[nodiscard]] Result<Connack> decode_connack(std::string_view body) noexcept;
[[nodiscard]] Result<Publish> decode_publish(std::uint8_t flags, std::string_view body,
                                             const DecodeLimits& limits) noexcept;
/// PUBACK, PUBREC, PUBREL, PUBCOMP, UNSUBACK: a body of exactly two bytes, packet id not 0.
[[nodiscard]] Result<PacketId> decode_packet_id(std::string_view body) noexcept;
/// PINGREQ, PINGRESP, DISCONNECT: a body of zero bytes.
[[nodiscard]] Result<void> decode_empty(std::string_view body) noexcept;
/// Filters are checked for form (UTF-8, wildcards); those beyond a limit (how many, length, levels) come out refused.
[[nodiscard]] Result<Subscribe> decode_subscribe(std::string_view body, const DecodeLimits& limits);
[[nodiscard]] Result<Unsubscribe> decode_unsubscribe(std::string_view body);
[[nodiscard]] Result<Suback> decode_suback(std::string_view body);

// Encoders append one whole packet to `out`. Preconditions: strings are at most 65,535 bytes, packets at most
// 268,435,455; a password comes with a user name; a PUBLISH has a packet id exactly when its QoS is above 0, and DUP
// only then. What breaks them is a bug of the caller (asserted), not an error.
void encode_connect(std::string& out, const Connect& packet);
void encode_connack(std::string& out, const Connack& packet);
void encode_publish(std::string& out, const Publish& packet);
/// All of a PUBLISH that comes before its packet id (QoS above 0) or payload: what every copy of a message begins with.
void encode_publish_head(std::string& out, const Publish& packet);
/// Sets DUP in an encoded PUBLISH that begins at `position` [MQTT-3.3.1-1].
void set_dup(std::string& packets, std::size_t position) noexcept;
/// PUBACK, PUBREC, PUBREL, PUBCOMP, UNSUBACK (sets PUBREL's reserved flags).
void encode_packet_id(std::string& out, PacketType type, PacketId packet_id);
/// PINGREQ, PINGRESP, DISCONNECT.
void encode_empty(std::string& out, PacketType type);
void encode_subscribe(std::string& out, const Subscribe& packet);
void encode_unsubscribe(std::string& out, const Unsubscribe& packet);
void encode_suback(std::string& out, const Suback& packet);

}  // namespace mqttproxy::mqtt
