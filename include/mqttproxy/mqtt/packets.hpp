// The MQTT Control Packets as plain values. String members are views into the buffer that was decoded: they live
// as long as those bytes do. Source: MQTT 3.1.1 (OASIS), chapters 2 and 3. Every member has an initializer, so that
// g++ accepts designated ones without naming all (-Wmissing-field-initializers).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace mqttproxy::mqtt {

enum class PacketType : std::uint8_t {
  Connect = 1,
  Connack = 2,
  Publish = 3,
  Puback = 4,
  Pubrec = 5,
  Pubrel = 6,
  Pubcomp = 7,
  Subscribe = 8,
  Suback = 9,
  Unsubscribe = 10,
  Unsuback = 11,
  Pingreq = 12,
  Pingresp = 13,
  Disconnect = 14,
};

/// Name as in the specification, for logs and metrics labels: "CONNECT", "PUBLISH" …; "RESERVED" for 0 and 15.
[[nodiscard]] std::string_view to_string(PacketType type) noexcept;

/// The protocol level byte of CONNECT. A parameter of codec and session, so that a later level needs no second codec.
enum class ProtocolLevel : std::uint8_t { V31 = 3, V311 = 4 };

enum class Qos : std::uint8_t { AtMostOnce = 0, AtLeastOnce = 1, ExactlyOnce = 2 };

/// Return codes of CONNACK, table 3.1 of the specification.
enum class ConnectReturnCode : std::uint8_t {
  Accepted = 0,
  UnacceptableProtocolVersion = 1,
  IdentifierRejected = 2,
  ServerUnavailable = 3,
  BadUserNameOrPassword = 4,
  NotAuthorized = 5,
};

/// 1..65535; 0 stands for "none" (a PUBLISH with QoS 0).
using PacketId = std::uint16_t;

struct FixedHeader {
  PacketType type{};
  std::uint8_t flags = 0;              // the low four bits
  std::uint32_t remaining_length = 0;  // bytes, 0..268,435,455
  std::uint8_t header_bytes = 0;       // 2..5

  [[nodiscard]] std::size_t packet_bytes() const noexcept { return header_bytes + std::size_t{remaining_length}; }

  friend bool operator==(const FixedHeader&, const FixedHeader&) = default;
};

struct Will {
  std::string_view topic{};
  std::string_view payload{};
  Qos qos = Qos::AtMostOnce;
  bool retain = false;

  friend bool operator==(const Will&, const Will&) = default;
};

struct Connect {
  ProtocolLevel level = ProtocolLevel::V311;
  bool clean_session = true;
  std::uint16_t keep_alive = 0;  // seconds, 0 = off
  std::string_view client_id{};  // may be empty
  std::optional<Will> will{};
  std::optional<std::string_view> username{};
  std::optional<std::string_view> password{};

  friend bool operator==(const Connect&, const Connect&) = default;
};

struct Connack {
  bool session_present = false;
  ConnectReturnCode return_code = ConnectReturnCode::Accepted;

  friend bool operator==(const Connack&, const Connack&) = default;
};

struct Publish {
  std::string_view topic{};  // topic name
  std::string_view payload{};
  PacketId packet_id = 0;
  Qos qos = Qos::AtMostOnce;
  bool retain = false;
  bool dup = false;

  friend bool operator==(const Publish&, const Publish&) = default;
};

struct TopicRequest {
  std::string_view filter{};
  Qos qos = Qos::AtMostOnce;  // requested
  bool refused = false;       // beyond a limit: answered with 0x80, while the packet's other filters are granted

  friend bool operator==(const TopicRequest&, const TopicRequest&) = default;
};

struct Subscribe {
  PacketId packet_id = 0;
  std::vector<TopicRequest> requests{};  // never empty

  friend bool operator==(const Subscribe&, const Subscribe&) = default;
};

struct Unsubscribe {
  PacketId packet_id = 0;
  std::vector<std::string_view> filters{};  // never empty

  friend bool operator==(const Unsubscribe&, const Unsubscribe&) = default;
};

/// One code per requested filter: 0, 1, 2 (granted QoS) or 0x80 (failure).
struct Suback {
  PacketId packet_id = 0;
  std::vector<std::uint8_t> return_codes{};

  friend bool operator==(const Suback&, const Suback&) = default;
};

}  // namespace mqttproxy::mqtt
