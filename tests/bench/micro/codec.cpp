#include "mqttproxy/mqtt/codec.hpp"

#include <memory>
#include <stdexcept>
#include <string>

#include "scenario.hpp"

namespace mqttproxy::bench::micro {

namespace {

constexpr std::uint64_t kTurns = 20'000;
constexpr std::size_t kPayloadBytes = 256;
const mqtt::DecodeLimits kLimits;

mqtt::Publish example(const std::string& payload) {
  return {.topic = "gateway/gate123/iphone/log", .payload = payload, .packet_id = 7, .qos = mqtt::Qos::AtLeastOnce};
}

Step decode_publish() {
  std::string packet;
  mqtt::encode_publish(packet, example(std::string(kPayloadBytes, 'x')));
  return [packet](std::uint64_t) -> std::uint64_t {
    const auto header = mqtt::decode_fixed_header(packet, kLimits);
    const std::string_view body = std::string_view(packet).substr((*header)->header_bytes);
    return mqtt::decode_publish((*header)->flags, body, kLimits)->payload.size();
  };
}

Step encode_publish() {
  return [payload = std::string(kPayloadBytes, 'x'), out = std::make_shared<std::string>()](std::uint64_t) {
    out->clear();
    mqtt::encode_publish(*out, example(payload));
    return std::uint64_t{out->size()};
  };
}

Step decode_connect() {
  std::string packet;
  mqtt::encode_connect(packet, {.keep_alive = 60,
                                .client_id = "device-0123456789",
                                .will = mqtt::Will{.topic = "gone/device-0123456789", .payload = "gone"},
                                .username = "test",
                                .password = "test"});
  return [packet](std::uint64_t) -> std::uint64_t {
    const auto header = mqtt::decode_fixed_header(packet, kLimits);
    const std::string_view body = std::string_view(packet).substr((*header)->header_bytes);
    return mqtt::decode_connect(body, kLimits)->client_id.size();
  };
}

Step encode_puback() {
  return [out = std::make_shared<std::string>()](std::uint64_t turn) {
    out->clear();
    mqtt::encode_packet_id(*out, mqtt::PacketType::Puback, static_cast<mqtt::PacketId>(turn % 1'000 + 1));
    return std::uint64_t{out->size()};
  };
}

}  // namespace

std::vector<Scenario> codec_scenarios() {
  return {{"decode_publish", kTurns, decode_publish},
          {"encode_publish", kTurns, encode_publish},
          {"decode_connect", kTurns, decode_connect},
          {"encode_puback", kTurns, encode_puback}};
}

}  // namespace mqttproxy::bench::micro
