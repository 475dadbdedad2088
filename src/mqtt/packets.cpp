#include "mqttproxy/mqtt/packets.hpp"

#include <array>

namespace mqttproxy::mqtt {

std::string_view to_string(PacketType type) noexcept {
  static constexpr std::array<std::string_view, 16> kNames = {
      "RESERVED",  "CONNECT", "CONNACK",     "PUBLISH",  "PUBACK",  "PUBREC",   "PUBREL",     "PUBCOMP",
      "SUBSCRIBE", "SUBACK",  "UNSUBSCRIBE", "UNSUBACK", "PINGREQ", "PINGRESP", "DISCONNECT", "RESERVED"};
  return kNames[static_cast<std::size_t>(type) & 0x0FU];
}

}  // namespace mqttproxy::mqtt
