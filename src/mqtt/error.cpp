#include "mqttproxy/mqtt/error.hpp"

#include <algorithm>
#include <array>
#include <string>

namespace mqttproxy::mqtt {

namespace {

struct ErrorKind {
  std::string_view kind;
  std::string_view message;
};

// In the order of Errc.
constexpr std::array<ErrorKind, static_cast<std::size_t>(Errc::Count_)> kErrorKinds = {{
    {"ok", "no error"},
    {"reserved_packet_type", "packet type 0 or 15 is reserved (MQTT 3.1.1 section 2.2.1)"},
    {"remaining_length_malformed", "remaining length takes more than four bytes (MQTT 3.1.1 section 2.2.3)"},
    {"packet_too_large", "packet is larger than the configured limit"},
    {"reserved_flags", "reserved bits are set wrongly [MQTT-2.2.2-2]"},
    {"body_length", "packet body is shorter or longer than its fields"},
    {"invalid_utf8", "string is not well-formed UTF-8 or contains U+0000 [MQTT-1.5.3-1] [MQTT-1.5.3-2]"},
    {"invalid_qos", "QoS 3 does not exist [MQTT-3.3.1-4] [MQTT-3.1.2-14] [MQTT-3.8.3-4]"},
    {"dup_with_qos0", "DUP is set on a PUBLISH with QoS 0 [MQTT-3.3.1-2]"},
    {"packet_id_zero", "packet identifier is 0 [MQTT-2.3.1-1]"},
    {"topic_name", "topic name is empty, has a wildcard, or is beyond the limits [MQTT-3.3.2-2] [MQTT-4.7.3-1]"},
    {"topic_filter", "topic filter is empty or misplaces a wildcard [MQTT-4.7.1-2] [MQTT-4.7.1-3]"},
    {"no_filters", "packet names no topic filter [MQTT-3.8.3-3] [MQTT-3.10.3-2]"},
    {"protocol_name", "protocol name is neither MQTT nor MQIsdp [MQTT-3.1.2-1]"},
    {"unacceptable_protocol_level", "protocol level is not served [MQTT-3.1.2-2]"},
    {"connect_flags",
     "connect flags contradict each other or set the reserved bit [MQTT-3.1.2-3] [MQTT-3.1.2-13] [MQTT-3.1.2-15] "
     "[MQTT-3.1.2-22]"},
    {"client_id_rejected", "client id is empty without clean session, or too long [MQTT-3.1.3-8] [MQTT-3.1.3-9]"},
    {"return_code", "return code does not exist or contradicts its packet [MQTT-3.2.2-4] [MQTT-3.9.3-2]"},
    {"first_packet_not_connect", "first packet is not a CONNECT [MQTT-3.1.0-1]"},
    {"second_connect", "a second CONNECT on one connection [MQTT-3.1.0-2]"},
    {"server_only_packet", "client sent a packet that only a server may send"},
    {"unexpected_packet", "packet does not fit the state of its exchange"},
}};
static_assert(std::ranges::none_of(kErrorKinds, [](const ErrorKind& e) { return e.kind.empty(); }));

const ErrorKind& lookup(Errc e) noexcept {
  return kErrorKinds.at(static_cast<std::size_t>(e));
}

class Category final : public boost::system::error_category {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "mqtt"; }
  [[nodiscard]] std::string message(int value) const override {
    if (value < 0 || value >= static_cast<int>(Errc::Count_)) return "unknown MQTT error";
    return std::string(lookup(static_cast<Errc>(value)).message);
  }
};

}  // namespace

std::string_view kind(Errc e) noexcept {
  return lookup(e).kind;
}

std::string_view message(Errc e) noexcept {
  return lookup(e).message;
}

const boost::system::error_category& category() noexcept {
  static const Category mqtt_category;
  return mqtt_category;
}

}  // namespace mqttproxy::mqtt
