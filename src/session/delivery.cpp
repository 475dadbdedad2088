#include "mqttproxy/session/delivery.hpp"

#include "mqttproxy/mqtt/codec.hpp"

namespace mqttproxy::session {

void Delivery::encode_head(std::string& out, mqtt::Qos qos, mqtt::PacketId packet_id, bool dup) const {
  std::string& head = heads_[static_cast<std::size_t>(qos)];
  if (head.empty()) {
    // [MQTT-3.3.1-9] never RETAIN: the message is not sent because of a retained one
    mqtt::encode_publish_head(head, {.topic = topic_, .payload = payload_, .qos = qos});
  }
  const std::size_t begin = out.size();
  out += head;
  if (dup) mqtt::set_dup(out, begin);
  if (qos == mqtt::Qos::AtMostOnce) return;
  out += static_cast<char>(packet_id >> 8U);
  out += static_cast<char>(packet_id & 0xFFU);
}

}  // namespace mqttproxy::session
