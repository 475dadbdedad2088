#include "mqttproxy/session/core.hpp"

namespace mqttproxy::session {

using mqtt::Errc;
using mqtt::PacketType;

/// Of packets that have a packet id or a return code behind their header, or nothing.
constexpr std::size_t kShortPacketBytes = 4;
constexpr std::size_t kEmptyPacketBytes = 2;

std::string_view to_string(CloseCause cause) noexcept {
  static constexpr std::array<std::string_view, static_cast<std::size_t>(CloseCause::Count_)> kNames = {
      "client_disconnect", "connection_lost", "keep_alive",    "connect_timeout", "takeover",        "protocol_error",
      "connect_refused",   "pipeline",        "not_stored",    "shutdown",        "session_deleted", "session_lost",
      "tls_handshake",     "proxy_header",    "address_limit", "memory_limit"};
  return kNames[static_cast<std::size_t>(cause)];
}

std::size_t Core::feed(std::string_view bytes, std::string& out, Stamp read_at) {
  read_at_ = read_at;
  std::size_t used = 0;
  wanted_bytes_ = 0;
  waiting_ = false;
  while (state_ != State::Closed) {
    const std::string_view rest = bytes.substr(used);
    const auto header = mqtt::decode_fixed_header(rest, settings_.limits, level_);
    if (!header) {
      fail_with(header.error());
      break;
    }
    if (!*header) break;
    const mqtt::FixedHeader& fixed = **header;
    // [MQTT-3.1.0-1] before the body is waited for: a stranger gets no buffer
    if (state_ == State::AwaitConnect && fixed.type != PacketType::Connect) {
      fail_with(Errc::FirstPacketNotConnect);
      break;
    }
    if (rest.size() < fixed.packet_bytes()) {
      wanted_bytes_ = fixed.packet_bytes();
      break;
    }
    if (handle(fixed, rest.substr(fixed.header_bytes, fixed.remaining_length), out) == Step::Wait) {
      waiting_ = true;
      break;
    }
    counters_.in[static_cast<std::size_t>(fixed.type)].add();
    counters_.in_bytes[static_cast<std::size_t>(fixed.type)].add(fixed.packet_bytes());
    ++packets_in_;
    used += fixed.packet_bytes();
  }
  return used;
}

Step Core::handle(const mqtt::FixedHeader& header, std::string_view body, std::string& out) {
  switch (header.type) {
    case PacketType::Publish:
      return handle_publish(header, body);
    case PacketType::Connect:
      if (state_ == State::Connected) return fail_with(Errc::SecondConnect);  // [MQTT-3.1.0-2]
      return handle_connect(body, out);
    case PacketType::Pubrel:
      return handle_pubrel(body, out);
    case PacketType::Puback:
      return handle_puback(body);
    case PacketType::Subscribe:
      return handle_subscribe(body, out);
    case PacketType::Unsubscribe:
      return handle_unsubscribe(body, out);
    case PacketType::Pingreq: {
      if (const auto empty = mqtt::decode_empty(body); !empty) return fail_with(empty.error());
      mqtt::encode_empty(out, PacketType::Pingresp);  // [MQTT-3.12.4-1]
      count_out(PacketType::Pingresp, kEmptyPacketBytes);
      return Step::Done;
    }
    case PacketType::Disconnect:
      if (const auto empty = mqtt::decode_empty(body); !empty) return fail_with(empty.error());
      will_.reset();  // [MQTT-3.14.4-3]
      close(CloseCause::ClientDisconnect, "DISCONNECT");
      return Step::Close;
    case PacketType::Pubrec:
    case PacketType::Pubcomp:
      return fail_with(Errc::UnexpectedPacket);  // no QoS 2 goes to clients
    case PacketType::Connack:
    case PacketType::Suback:
    case PacketType::Unsuback:
    case PacketType::Pingresp:
      return fail_with(Errc::ServerOnlyPacket);
  }
  return fail_with(Errc::ReservedPacketType);
}

Step Core::handle_connect(std::string_view body, std::string& out) {
  const auto packet = mqtt::decode_connect(body, settings_.limits);
  if (!packet) {
    if (packet.error() == make_error_code(Errc::UnacceptableProtocolLevel)) {  // [MQTT-3.1.2-2]
      return refuse_connect(mqtt::ConnectReturnCode::UnacceptableProtocolVersion, "unacceptable protocol level",
                            Errc::UnacceptableProtocolLevel, out);
    }
    if (packet.error() == make_error_code(Errc::ClientIdRejected)) {  // [MQTT-3.1.3-8] [MQTT-3.1.3-9]
      return refuse_connect(mqtt::ConnectReturnCode::IdentifierRejected, "client id rejected", Errc::ClientIdRejected,
                            out);
    }
    return fail_with(packet.error());  // [MQTT-3.1.4-1] [MQTT-3.2.2-6] without an answer
  }
  ConnectAnswer answer;
  const Step step = host_.on_connect(*packet, answer);
  if (step == Step::Wait) return step;
  if (step == Step::Close) {
    if (state_ == State::Closed) return step;
    return refuse_connect(answer.return_code, answer.detail, Errc::Ok, out);
  }
  session_ = answer.session;
  accept(*packet, answer);
  // [MQTT-3.2.0-1] [MQTT-3.1.4-4]
  reply_connack({answer.session_present, mqtt::ConnectReturnCode::Accepted}, out);
  return Step::Done;
}

void Core::accept(const mqtt::Connect& packet, const ConnectAnswer& answer) {
  if (client_id_.empty()) client_id_ = packet.client_id;
  const auto& username = answer.username ? answer.username : packet.username;
  has_username_ = username.has_value();
  if (has_username_) username_ = *username;
  keep_alive_ = packet.keep_alive;
  level_ = packet.level;
  if (packet.will) {  // [MQTT-3.1.2-8] [MQTT-3.1.2-12]
    will_ = std::make_unique<StoredWill>(StoredWill{std::string(packet.will->topic), std::string(packet.will->payload),
                                                    packet.will->qos, packet.will->retain});
  }
  state_ = State::Connected;
  was_connected_ = true;
}

Step Core::refuse_connect(mqtt::ConnectReturnCode code, std::string_view detail, Errc errc, std::string& out) {
  reply_connack({false, code}, out);                // [MQTT-3.2.2-4] session present 0
  close(CloseCause::ConnectRefused, detail, errc);  // [MQTT-3.2.2-5] [MQTT-3.1.4-5]
  return Step::Close;
}

void Core::reply_connack(const mqtt::Connack& answer, std::string& out) {
  mqtt::encode_connack(out, answer);
  count_out(PacketType::Connack, kShortPacketBytes);
  counters_.connacks[static_cast<std::size_t>(answer.return_code)].add();
}

Step Core::handle_publish(const mqtt::FixedHeader& header, std::string_view body) {
  if (window_full()) return Step::Wait;
  const auto packet = mqtt::decode_publish(header.flags, body, settings_.limits);
  if (!packet) return fail_with(packet.error());
  const AckWindow::Sequence sequence = window_.next();
  switch (start_publish(*packet)) {
    case PublishStep::Wait:
      return Step::Wait;
    case PublishStep::Close:
      return Step::Close;
    case PublishStep::Accepted:
      window_.push(packet->packet_id, packet->qos, read_at_);
#ifdef MQTTPROXY_MUTATION_EARLY_ACK
      window_.complete(sequence);  // what a careless proxy does: the durability test has to notice
#endif
      break;
    case PublishStep::Acknowledge:
      window_.push(packet->packet_id, packet->qos, read_at_);
      window_.complete(sequence);
      break;
  }
  counters_.publishes[static_cast<std::size_t>(packet->qos)].add();
  return Step::Done;
}

PublishStep Core::start_publish(const mqtt::Publish& packet) {
  // [MQTT-4.3.2-2] each one is a new message, whatever its id and DUP
  if (packet.qos != mqtt::Qos::ExactlyOnce) return host_.on_publish(packet, window_.next());
  // [MQTT-4.3.3-2] method B: the id decides whether this is the first time
  switch (session_->unreleased.see(packet.packet_id)) {
    case UnreleasedIds::Seen::Stored:
      return PublishStep::Acknowledge;
    case UnreleasedIds::Seen::Storing:
      return PublishStep::Accepted;  // settle_packet_id() will answer
    case UnreleasedIds::Seen::New:
      break;
  }
  const PublishStep step = host_.on_publish(packet, window_.next());
  if (step == PublishStep::Wait || step == PublishStep::Close) session_->unreleased.forget(packet.packet_id);
  if (step == PublishStep::Acknowledge) session_->unreleased.settle(packet.packet_id, true);
  return step;
}

Step Core::handle_puback(std::string_view body) {
  const auto packet_id = mqtt::decode_packet_id(body);
  if (!packet_id) return fail_with(packet_id.error());
  // An id that is not in flight does no harm: the session may have been dropped and begun anew.
  if (session_->outbox) (void)session_->outbox->acknowledge(*packet_id);
  return Step::Done;
}

Step Core::handle_pubrel(std::string_view body, std::string& out) {
  const auto packet_id = mqtt::decode_packet_id(body);
  if (!packet_id) return fail_with(packet_id.error());
  // A client that releases what it has no PUBREC for gives up exactly once; the record is on its way all the same.
  if (session_->unreleased.storing(*packet_id)) return fail_with(Errc::UnexpectedPacket);
  session_->unreleased.forget(*packet_id);
  mqtt::encode_packet_id(out, PacketType::Pubcomp, *packet_id);  // [MQTT-4.3.3-2], also for an unknown id
  count_out(PacketType::Pubcomp, kShortPacketBytes);
  return Step::Done;
}

Step Core::handle_subscribe(std::string_view body, std::string& out) {
  const auto packet = mqtt::decode_subscribe(body, settings_.limits);
  if (!packet) return fail_with(packet.error());
  mqtt::Suback answer{packet->packet_id, {}};
  const Step step = host_.on_subscribe(*packet, answer.return_codes);
  if (step != Step::Done) return step;
  const std::size_t before = out.size();
  mqtt::encode_suback(out, answer);  // [MQTT-3.8.4-1] [MQTT-3.8.4-2] [MQTT-3.8.4-5] [MQTT-2.3.1-7]
  count_out(PacketType::Suback, out.size() - before);
  return step;
}

Step Core::handle_unsubscribe(std::string_view body, std::string& out) {
  const auto packet = mqtt::decode_unsubscribe(body);
  if (!packet) return fail_with(packet.error());
  const Step step = host_.on_unsubscribe(*packet);
  if (step != Step::Done) return step;
  // [MQTT-3.10.4-4] [MQTT-3.10.4-5] [MQTT-3.10.4-6]
  mqtt::encode_packet_id(out, PacketType::Unsuback, packet->packet_id);
  count_out(PacketType::Unsuback, kShortPacketBytes);
  return step;
}

void Core::settle_packet_id(mqtt::PacketId packet_id, bool stored) noexcept {
  window_.settle(packet_id, stored);
}

void Core::release(std::string& out, Stamp now) {
  window_.release([&](const AckWindow::Released& released) {
    if (released.qos == mqtt::Qos::AtMostOnce) return;
    const PacketType type = released.qos == mqtt::Qos::AtLeastOnce ? PacketType::Puback : PacketType::Pubrec;
    // [MQTT-3.3.4-1] [MQTT-2.3.1-6] in the order of [MQTT-4.6.0-2] [MQTT-4.6.0-3]
    mqtt::encode_packet_id(out, type, released.packet_id);
    count_out(type, kShortPacketBytes);
    counters_.acknowledged_us.add(elapsed_us(released.read_at, now));
  });
  if (window_.front_failed()) close(CloseCause::NotStored, "record not stored");  // [MQTT-4.8.0-2]
}

void Core::close(CloseCause cause, std::string_view detail, Errc errc) noexcept {
  if (state_ == State::Closed) return;
  state_ = State::Closed;
  close_cause_ = cause;
  close_detail_ = detail;
  close_errc_ = errc;
}

Step Core::fail_with(const boost::system::error_code& error) noexcept {
  return fail_with(static_cast<Errc>(error.value()));
}

/// [MQTT-4.8.0-1]
Step Core::fail_with(Errc errc) noexcept {
  close(CloseCause::ProtocolError, mqtt::message(errc), errc);
  return Step::Close;
}

}  // namespace mqttproxy::session
