// Why a packet or a connection was refused. Each value is a log reason and a metrics label (`kind`).
#pragma once

#include <cstdint>
#include <string_view>

#include <boost/system/error_code.hpp>

namespace mqttproxy::mqtt {

// Order is the index of per-worker counters: append, then extend kErrorKinds in error.cpp.
enum class Errc : std::uint8_t {
  Ok = 0,
  ReservedPacketType,
  RemainingLengthMalformed,
  PacketTooLarge,
  ReservedFlags,
  BodyLength,  // too short, too long, trailing bytes
  InvalidUtf8,
  InvalidQos,
  DupWithQos0,
  PacketIdZero,
  TopicName,    // empty, wildcard, too long, too many levels
  TopicFilter,  // empty, misplaced wildcard
  NoFilters,
  ProtocolName,
  UnacceptableProtocolLevel,
  ConnectFlags,  // reserved bit, will QoS/retain without will, password without user name
  ClientIdRejected,
  ReturnCode,  // in CONNACK or SUBACK, which only clients decode
  FirstPacketNotConnect,
  SecondConnect,
  ServerOnlyPacket,
  UnexpectedPacket,
  Count_,
};

/// Short snake_case name: "packet_too_large". Stable: dashboards depend on it.
[[nodiscard]] std::string_view kind(Errc e) noexcept;
/// One sentence for the log, with the specification's ID where there is one.
[[nodiscard]] std::string_view message(Errc e) noexcept;

[[nodiscard]] const boost::system::error_category& category() noexcept;
[[nodiscard]] inline boost::system::error_code make_error_code(Errc e) noexcept {
  return {static_cast<int>(e), category()};
}

}  // namespace mqttproxy::mqtt

template <>
struct boost::system::is_error_code_enum<mqttproxy::mqtt::Errc> : std::true_type {};
