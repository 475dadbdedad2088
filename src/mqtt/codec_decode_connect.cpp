// CONNECT. MQTT 3.1.1 section 3.1; what MQTT 3.1 (MQIsdp) asks for differently stands at the line that does it.
#include "mqttproxy/mqtt/codec.hpp"

#include "reader.hpp"

namespace mqttproxy::mqtt {

namespace {

/// The connect flags byte, as it came.
struct Flags {
  std::uint8_t bits = 0;

  [[nodiscard]] bool reserved() const noexcept { return (bits & 0x01U) != 0; }
  [[nodiscard]] bool clean_session() const noexcept { return (bits & 0x02U) != 0; }
  [[nodiscard]] bool will() const noexcept { return (bits & 0x04U) != 0; }
  [[nodiscard]] unsigned will_qos() const noexcept { return (bits >> 3U) & 0x03U; }
  [[nodiscard]] bool will_retain() const noexcept { return (bits & 0x20U) != 0; }
  [[nodiscard]] bool password() const noexcept { return (bits & 0x40U) != 0; }
  [[nodiscard]] bool username() const noexcept { return (bits & 0x80U) != 0; }
};

Errc read_level(Reader& in, ProtocolLevel& out) noexcept {
  std::string_view name;
  if (const Errc e = in.binary(name); e != Errc::Ok) return e;
  const bool is_mqtt = name == "MQTT";
  if (!is_mqtt && name != "MQIsdp") return Errc::ProtocolName;  // [MQTT-3.1.2-1]
  std::uint8_t level = 0;
  if (const Errc e = in.byte(level); e != Errc::Ok) return e;
  out = is_mqtt ? ProtocolLevel::V311 : ProtocolLevel::V31;
  // [MQTT-3.1.2-2] answered with return code 1; nothing behind the level is read, its layout may be another one
  return level == static_cast<std::uint8_t>(out) ? Errc::Ok : Errc::UnacceptableProtocolLevel;
}

Errc check_flags(Flags flags, ProtocolLevel level) noexcept {
  if (flags.password() && !flags.username()) return Errc::ConnectFlags;  // [MQTT-3.1.2-22]
  if (flags.will()) {
    if (flags.will_qos() == 3) return Errc::InvalidQos;  // [MQTT-3.1.2-14]
  } else if (level != ProtocolLevel::V31 && (flags.will_qos() != 0 || flags.will_retain())) {
    // [MQTT-3.1.2-13] [MQTT-3.1.2-15]; MQTT 3.1 disregards both without a will
    return Errc::ConnectFlags;
  }
  // [MQTT-3.1.2-3]; unused, not reserved, in MQTT 3.1
  return level != ProtocolLevel::V31 && flags.reserved() ? Errc::ConnectFlags : Errc::Ok;
}

Errc read_will(Reader& in, Flags flags, const DecodeLimits& limits, std::optional<Will>& out) noexcept {
  if (!flags.will()) return Errc::Ok;  // [MQTT-3.1.2-11]
  Will will{.qos = static_cast<Qos>(flags.will_qos()), .retain = flags.will_retain()};
  // [MQTT-3.1.2-9] A will is a PUBLISH one day, so its topic obeys the same rules [MQTT-3.1.3-10].
  if (const Errc e = in.topic_name(limits, will.topic); e != Errc::Ok) return e;
  if (const Errc e = in.binary(will.payload); e != Errc::Ok) return e;
  out = will;
  return Errc::Ok;
}

Errc read_credentials(Reader& in, Flags flags, Connect& out) noexcept {
  // MQTT 3.1 section 3.1: the remaining length takes precedence over both flags, a flagged string may be missing.
  const auto is_missing = [&] { return out.level == ProtocolLevel::V31 && in.empty(); };
  if (flags.username() && !is_missing()) {                                        // [MQTT-3.1.2-18] [MQTT-3.1.2-19]
    if (const Errc e = in.utf8(out.username.emplace()); e != Errc::Ok) return e;  // [MQTT-3.1.3-11]
  }
  if (flags.password() && !is_missing()) {  // [MQTT-3.1.2-20] [MQTT-3.1.2-21]
    if (const Errc e = in.binary(out.password.emplace()); e != Errc::Ok) return e;
  }
  return Errc::Ok;
}

Errc check_client_id(const Connect& packet, const DecodeLimits& limits) noexcept {
  if (packet.client_id.size() > limits.max_client_id_bytes) return Errc::ClientIdRejected;  // [MQTT-3.1.3-9]
  if (!packet.client_id.empty()) return Errc::Ok;
  // [MQTT-3.1.3-7] [MQTT-3.1.3-8]; MQTT 3.1 asks for at least one character whatever the session
  return packet.clean_session && packet.level != ProtocolLevel::V31 ? Errc::Ok : Errc::ClientIdRejected;
}

}  // namespace

Result<Connect> decode_connect(std::string_view body, const DecodeLimits& limits) noexcept {
  Reader in(body);
  Connect out;
  Flags flags;
  if (const Errc e = read_level(in, out.level); e != Errc::Ok) return e;
  if (const Errc e = in.byte(flags.bits); e != Errc::Ok) return e;
  if (const Errc e = check_flags(flags, out.level); e != Errc::Ok) return e;
  if (const Errc e = in.number(out.keep_alive); e != Errc::Ok) return e;
  out.clean_session = flags.clean_session();
  if (const Errc e = in.utf8(out.client_id); e != Errc::Ok) return e;  // [MQTT-3.1.3-3] [MQTT-3.1.3-4]
  if (const Errc e = read_will(in, flags, limits, out.will); e != Errc::Ok) return e;
  if (const Errc e = read_credentials(in, flags, out); e != Errc::Ok) return e;
  if (!in.empty()) return Errc::BodyLength;
  // Last, because only a CONNECT that is well-formed otherwise deserves the answer.
  if (const Errc e = check_client_id(out, limits); e != Errc::Ok) return e;
  return out;
}

}  // namespace mqttproxy::mqtt
