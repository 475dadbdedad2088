#include "session_world.hpp"

namespace mqttproxy::fuzz {

namespace {

constexpr std::size_t kLines = 4;

/// Calls `f(header, body)` for every whole packet.
template <class F>
void for_each_packet(std::string_view bytes, F&& f) {
  while (!bytes.empty()) {
    const auto header = mqtt::decode_fixed_header(bytes, {}, mqtt::ProtocolLevel::V31);
    if (!header || !*header || (*header)->packet_bytes() > bytes.size()) return;
    f(**header, bytes.substr((*header)->header_bytes, (*header)->remaining_length));
    bytes.remove_prefix((*header)->packet_bytes());
  }
}

}  // namespace

// ---- One connection

void Line::send(std::string_view bytes) {
  if (!online()) core_ = std::make_unique<Core>(*this, world_.settings(), world_.packets());
  stash_ += bytes;
  std::string replies;
  const std::string sent = stash_;
  const std::size_t used = core_->feed(sent, replies);
  require(used <= sent.size(), "not more than there was");
  require(core_->unacked() <= kAckWindow, "the ack window holds");
  stash_.erase(0, used);
  note_sent(std::string_view(sent).substr(0, used));
  hear(replies);
  release();
}

void Line::release() {
  std::string replies;
  core_->release(replies);
  hear(replies);
  if (core_->state() == Core::State::Closed) end(core_->close_cause());
}

void Line::flush(std::size_t count) {
  if (!online() || core_->session() == nullptr) return;
  Session& session = *core_->session();
  require(&session == world_.registry().find(session_), "the core's session is the registry's");
  session.flush_due = due_ = false;
  if (!session.outbox) return;
  for (std::string bytes; count > 0; --count, bytes.clear()) {
    const auto next = session.outbox->take();
    if (!next) return;
    next->delivery->encode_head(bytes, next->qos, next->packet_id, next->dup);
    bytes += next->delivery->payload();
    hear(bytes);
  }
}

void Line::note_due() {
  require(core_->session() != nullptr, "only who is connected is flushed");
  require(!std::exchange(due_, true), "named once until its flush");
}

void Line::settle(AckWindow::Sequence sequence, bool stored) {
  stored ? core_->complete(sequence) : core_->fail(sequence);
  if (stored && sequence - first_owed_ < owed_.size()) owed_[sequence - first_owed_].done = true;
  release();
}

void Line::settle_packet_id(PacketId packet_id, bool stored) {
  core_->settle_packet_id(packet_id, stored);
  for (Owed& owed : owed_) owed.done |= stored && owed.qos == Qos::ExactlyOnce && owed.packet_id == packet_id;
  release();
}

void Line::end(CloseCause cause) {
  core_->close(cause, "ended");
  require(core_->session() == nullptr, "a closed connection has no session");
  require(core_->close_cause() != CloseCause::ClientDisconnect || !core_->take_will(), "no will [MQTT-3.14.4-3]");
  world_.registry().detach(session_, self_, {});
  core_.reset();
  client_ = nullptr;
  session_ = {};
  stash_.clear();
  owed_.clear();
  first_owed_ = 0;
  acknowledged_.clear();
  greeted_ = due_ = false;
  ++self_.generation;
}

Step Line::step() {
  if (answer_ == Answer::Wait) return Step::Wait;
  if (answer_ != Answer::Close) return Step::Done;
  core_->close(CloseCause::Pipeline, "a filter wanted it");
  return Step::Close;
}

Step Line::on_connect(const mqtt::Connect& packet, ConnectAnswer& answer) {
  if (answer_ == Answer::Wait) return Step::Wait;
  if (answer_ == Answer::Close) return Step::Close;
  const Registry::Attached attached = world_.registry().attach(packet.client_id, packet.clean_session, self_);
  session_ = attached.session;
  client_ = &world_.client(packet.client_id);
  require(attached.session_present == (client_->kept && !packet.clean_session), "session present [MQTT-3.2.2-2]");
  if (!attached.session_present) *client_ = {};
  client_->kept = !packet.clean_session;
  client_->again = 0;
  if (Line* displaced = world_.find(attached.displaced)) {
    require(displaced != this, "nobody displaces himself");
    displaced->end(CloseCause::Takeover);
  } else {
    require(!attached.displaced.valid(), "only who is connected is displaced");
  }
  answer = {mqtt::ConnectReturnCode::Accepted, attached.session_present, world_.registry().find(session_)};
  return Step::Done;
}

PublishStep Line::on_publish(const mqtt::Publish& packet, AckWindow::Sequence sequence) {
  switch (answer_) {
    case Answer::Accept:
      world_.produce(self_, session_, packet, sequence);
      return PublishStep::Accepted;
    case Answer::Acknowledge:
      acknowledged_.insert(sequence);
      return PublishStep::Acknowledge;
    case Answer::Wait:
      return PublishStep::Wait;
    case Answer::Close:
      break;
  }
  core_->close(CloseCause::Pipeline, "a filter wanted it");
  return PublishStep::Close;
}

Step Line::on_subscribe(const mqtt::Subscribe& packet, std::vector<std::uint8_t>& return_codes) {
  if (const Step step = this->step(); step != Step::Done) return step;
  for (const mqtt::TopicRequest& request : packet.requests) {
    return_codes.push_back(request.refused ? 0x80 : world_.registry().subscribe(session_, request.filter, request.qos));
    require(return_codes.back() == 0x80 || return_codes.back() <= std::min<int>(1, static_cast<int>(request.qos)),
            "not more than asked for");
  }
  const FilterSet& filters = world_.registry().find(session_)->filters;
  require(filters.size() <= kFilters, "filters per session");
  require(std::ranges::adjacent_find(filters, std::greater_equal()) == filters.end(), "sorted, and none twice");
  return Step::Done;
}

Step Line::on_unsubscribe(const mqtt::Unsubscribe& packet) {
  if (const Step step = this->step(); step != Step::Done) return step;
  for (const std::string_view filter : packet.filters) world_.registry().unsubscribe(session_, filter);
  return Step::Done;
}

void Line::note_sent(std::string_view consumed) {
  for_each_packet(consumed,
                  [this](const mqtt::FixedHeader& header, std::string_view body) { note_sent(header, body); });
}

void Line::note_sent(const mqtt::FixedHeader& header, std::string_view body) {
  if (client_ == nullptr) return;
  if (header.type == PacketType::Publish) {
    const auto packet = mqtt::decode_publish(header.flags, body, kLimits);
    if (!packet) return;
    const auto sequence = first_owed_ + static_cast<AckWindow::Sequence>(owed_.size());
    const bool by_host = acknowledged_.contains(sequence);
    if (by_host && packet->qos == Qos::ExactlyOnce) client_->stored.insert(packet->packet_id);
    const bool again = packet->qos == Qos::ExactlyOnce && client_->stored.contains(packet->packet_id);
    owed_.push_back({packet->packet_id, packet->qos, by_host || again});
  }
  const auto packet_id = mqtt::decode_packet_id(body.substr(0, 2));
  if (packet_id && header.type == PacketType::Pubrel) client_->stored.erase(*packet_id);
  if (packet_id && header.type == PacketType::Puback) client_->acknowledge(*packet_id);
}

void Line::hear(std::string_view bytes) {
  std::size_t whole = 0;
  for_each_packet(bytes, [&](const mqtt::FixedHeader& header, std::string_view body) {
    whole += header.packet_bytes();
    hear(header, body);
  });
  require(whole == bytes.size(), "only whole packets are written");
}

void Line::hear(const mqtt::FixedHeader& header, std::string_view body) {
  require(std::exchange(greeted_, true) != (header.type == PacketType::Connack), "CONNACK first [MQTT-3.2.0-1]");
  switch (header.type) {
    case PacketType::Publish: {
      const auto packet = mqtt::decode_publish(header.flags, body, {});
      require(packet.has_value(), "a PUBLISH that can be read");
      return client_->receive(*packet);
    }
    case PacketType::Puback:
    case PacketType::Pubrec:
      return hear_acknowledgement(header.type, *mqtt::decode_packet_id(body));
    case PacketType::Connack:
    case PacketType::Pubcomp:
    case PacketType::Suback:
    case PacketType::Unsuback:
    case PacketType::Pingresp:
      return;
    default:
      require(false, "a packet that servers send");
  }
}

void Line::hear_acknowledgement(PacketType type, PacketId packet_id) {
  auto next = [this] {
    require(!owed_.empty(), "one answer for each PUBLISH");
    const Owed owed = owed_.front();
    owed_.pop_front();
    ++first_owed_;
    require(owed.done, "acknowledged only when it and all before it are stored");
    return owed;
  };
  Owed owed = next();
  while (owed.qos == Qos::AtMostOnce) owed = next();
  require(owed.packet_id == packet_id, "acknowledged in the order of the PUBLISH packets [MQTT-4.6.0-2]");
  require(type == (owed.qos == Qos::AtLeastOnce ? PacketType::Puback : PacketType::Pubrec), "as its QoS demands");
}

// ---- All of them

World::World(bool drop_newest)
    : registry_({{.inflight = kInflight,
                  .queue_messages = kQueueMessages,
                  .queue_bytes = kQueueBytes,
                  .unsent_bytes = kQueueBytes / 2,
                  .drop_newest = drop_newest},
                 kFilters},
                outbox_) {
  for (std::uint32_t slot = 0; slot < kLines; ++slot) lines_.emplace_back(*this, slot);
}

Line* World::find(Handle connection) noexcept {
  const auto it = std::ranges::find(lines_, connection, &Line::self);
  return it == lines_.end() || !it->online() ? nullptr : &*it;
}

void World::produce(Handle connection, Handle session, const mqtt::Publish& packet, AckWindow::Sequence sequence) {
  records_.push_back({connection, session, sequence, packet.packet_id, packet.qos});
}

void World::report(std::size_t index, bool stored) {
  if (records_.empty()) return;
  const auto it = records_.begin() + static_cast<std::ptrdiff_t>(index % records_.size());
  const Record record = *it;
  records_.erase(it);
  // What net's worker does with a report.
  Session* session = record.qos == Qos::ExactlyOnce ? registry_.find(record.session) : nullptr;
  if (session != nullptr && stored) client(session->client_id).stored.insert(record.packet_id);
  if (Line* line = find(record.connection)) line->settle(record.sequence, stored);
  session = record.qos == Qos::ExactlyOnce ? registry_.find(record.session) : nullptr;
  if (session == nullptr || !session->unreleased.settle(record.packet_id, stored)) return;
  if (Line* line = find(session->connection)) line->settle_packet_id(record.packet_id, stored);
}

void World::deliver(std::string_view topic, Qos qos, std::size_t padding) {
  std::string text = std::to_string(++messages_);
  text.resize(text.size() + padding, ' ');
  const auto payload = std::make_shared<const std::string>(std::move(text));
  const DeliveryPtr delivery(new Delivery(payload, topic, *payload, qos));
  const std::size_t matched =
      registry_.deliver(delivery, topic, [this](Handle connection) { find(connection)->note_due(); });
  require(matched <= registry_.size(), "one copy for each session [MQTT-3.3.5-1]");
}

void World::remove(std::string_view client_id) {
  const Handle handle = registry_.find(client_id);
  const Session* session = registry_.find(handle);
  if (session == nullptr) return;
  if (Line* line = find(session->connection)) line->end(CloseCause::SessionDeleted);
  registry_.remove(handle);
  client(client_id).kept = false;
}

void World::expire() {
  (void)registry_.expire(std::chrono::steady_clock::time_point::max());
  for (auto& [client_id, client] : clients_) client.kept &= registry_.find(client_id).valid();
}

void World::check() {
  std::size_t queued = 0;
  std::size_t queued_bytes = 0;
  std::size_t inflight = 0;
  std::size_t filters = 0;
  for (const Line& line : lines_) {
    const Session* session = registry_.find(line.session());
    require(line.session().valid() == (session != nullptr), "a connection has its session");
    require(session == nullptr || session->connection == line.self(), "and the session its connection");
  }
  for (std::uint32_t slot = 0; slot < registry_.slots(); ++slot) {
    const Session* session = registry_.session_in(slot);
    if (session == nullptr) continue;
    filters += session->filters.size();
    const Line* line = find(session->connection);
    require(session->connection.valid() == (line != nullptr), "nobody or somebody serves it");
    require(line == nullptr || line->due() == session->flush_due, "it knows whether a flush is due");
    const std::size_t sent = client(session->client_id).unacknowledged.size();
    require(sent == (session->outbox ? session->outbox->inflight() : 0), "in flight is what the client has to answer");
    if (!session->outbox) continue;
    require(session->outbox->queued() <= kQueueMessages && session->outbox->queued_bytes() <= kQueueBytes,
            "the limits of the queue hold");
    queued += session->outbox->queued();
    queued_bytes += session->outbox->queued_bytes();
    inflight += session->outbox->inflight();
  }
  require(outbox_[OutboxEvent::Queued].get() == queued, "gauge: messages that wait");
  require(outbox_[OutboxEvent::QueuedBytes].get() == queued_bytes, "gauge: their bytes");
  require(outbox_[OutboxEvent::Inflight].get() == inflight, "gauge: messages in flight");
  require(outbox_[OutboxEvent::Subscriptions].get() == filters, "gauge: subscriptions");
  require(registry_.subscriptions().tree().subscriptions() == filters, "the tree has the filters of all sessions");
}

void World::finish() {
  for (Line& line : lines_) {
    if (line.online()) line.end(CloseCause::ConnectionLost);
  }
  while (!records_.empty()) report(0, true);
  check();
  expire();
  check();
  require(registry_.size() == 0, "no session is left");
  require(registry_.subscriptions().tree().nodes() == 0, "no filter is left");
}

}  // namespace mqttproxy::fuzz
