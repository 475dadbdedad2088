#include "mqttproxy/session/outbox.hpp"

#include <algorithm>

namespace mqttproxy::session {

using mqtt::Qos;

namespace {

constexpr std::size_t kFirstCapacity = 4;
constexpr std::size_t kKeptCapacity = 64;
constexpr std::size_t kPacketIds = 65'535;

/// Room for one more: a circular_buffer does not grow by itself.
template <class T>
void push(boost::circular_buffer<T>& ring, T value) {
  if (ring.full()) ring.set_capacity(std::max(kFirstCapacity, ring.capacity() * 2));
  ring.push_back(std::move(value));
}

/// What a burst has taken is given back.
template <class T>
void shrink(boost::circular_buffer<T>& ring) {
  if (ring.empty() && ring.capacity() > kKeptCapacity) ring.set_capacity(0);
}

}  // namespace

Outbox::~Outbox() {
  counters_[OutboxEvent::Queued].sub(waiting_.size());
  counters_[OutboxEvent::QueuedBytes].sub(waiting_bytes_);
  counters_[OutboxEvent::Inflight].sub(inflight_.size());
}

void Outbox::offer(const DeliveryPtr& delivery, Qos granted, bool online) {
  const Qos qos = std::min(delivery->qos(), granted);  // [MQTT-3.8.4-6]
  const std::size_t bytes = delivery->bytes();
  if (qos == Qos::AtMostOnce) {
    if (!online) return counters_[OutboxEvent::DroppedOffline].add();
    // It never takes the place of another message. One that is larger than the budget passes when nothing waits.
    const bool in_budget = waiting_.empty() || waiting_bytes_ + bytes <= limits_.unsent_bytes;
    if (!in_budget || !has_room(bytes)) return counters_[OutboxEvent::DroppedSlow].add();
  } else if (limits_.drop_newest || bytes > limits_.queue_bytes) {
    if (!has_room(bytes)) return counters_[OutboxEvent::DroppedFull].add();
  } else {
    while (!has_room(bytes)) drop_oldest();
  }
  push(waiting_, Waiting{delivery, qos});
  waiting_bytes_ += bytes;
  counters_[OutboxEvent::Queued].add();
  counters_[OutboxEvent::QueuedBytes].add(bytes);
}

bool Outbox::has_room(std::size_t bytes) const noexcept {
  return waiting_.size() < limits_.queue_messages && waiting_bytes_ + bytes <= limits_.queue_bytes;
}

void Outbox::count_waiting(const Waiting& removed) noexcept {
  const std::size_t bytes = removed.delivery->bytes();
  waiting_bytes_ -= bytes;
  counters_[OutboxEvent::Queued].sub();
  counters_[OutboxEvent::QueuedBytes].sub(bytes);
}

void Outbox::drop_oldest() noexcept {
  count_waiting(waiting_.front());
  waiting_.pop_front();
  counters_[OutboxEvent::DroppedFull].add();
}

std::optional<Outbox::Outgoing> Outbox::take() {
  if (resend_ < inflight_.size()) {
    if (auto again = take_again()) return again;
  }
  if (waiting_.empty()) return std::nullopt;
  if (waiting_.front().qos != Qos::AtMostOnce && inflight_.size() >= limits_.inflight) return std::nullopt;
  count_waiting(waiting_.front());
  Outgoing out{std::move(waiting_.front().delivery), waiting_.front().qos, 0, false};
  waiting_.pop_front();
  shrink(waiting_);
  if (out.qos == Qos::AtMostOnce) {
    counters_[OutboxEvent::Sent0].add();
    return out;
  }
  out.packet_id = next_packet_id();
  push(inflight_, Inflight{out.delivery, out.packet_id, false});
  resend_ = inflight_.size();
  counters_[OutboxEvent::Inflight].add();
  counters_[OutboxEvent::Sent1].add();
  return out;
}

std::optional<Outbox::Outgoing> Outbox::take_again() {
  while (resend_ < inflight_.size()) {
    const Inflight& sent = inflight_[resend_++];
    if (sent.acknowledged) continue;
    counters_[OutboxEvent::Resent].add();
    return Outgoing{sent.delivery, Qos::AtLeastOnce, sent.packet_id, true};  // [MQTT-3.3.1-1]
  }
  return std::nullopt;
}

mqtt::PacketId Outbox::next_packet_id() noexcept {
  // Ids are handed out in turn and at most 65,534 are in flight here: the next one is free. [MQTT-2.3.1-2]
  if (++last_packet_id_ == 0) last_packet_id_ = 1;  // [MQTT-2.3.1-1]
  return last_packet_id_;
}

bool Outbox::acknowledge(mqtt::PacketId packet_id) noexcept {
  if (inflight_.empty()) return false;
  // Ids in flight follow one another, those acknowledged out of turn included: no search, whatever the client sends.
  const std::size_t index = (packet_id + kPacketIds - inflight_.front().packet_id) % kPacketIds;
  if (index >= inflight_.size()) return false;
  Inflight& known = inflight_[index];
  if (known.packet_id != packet_id || known.acknowledged) return false;
  known.acknowledged = true;
  counters_[OutboxEvent::Acknowledged].add();
  while (!inflight_.empty() && inflight_.front().acknowledged) {
    inflight_.pop_front();
    if (resend_ > 0) --resend_;
    counters_[OutboxEvent::Inflight].sub();
  }
  shrink(inflight_);
  return true;
}

void Outbox::go_offline() noexcept {
  const auto kept = std::stable_partition(waiting_.begin(), waiting_.end(),
                                          [](const Waiting& waiting) { return waiting.qos != Qos::AtMostOnce; });
  for (auto it = kept; it != waiting_.end(); ++it) count_waiting(*it);
  counters_[OutboxEvent::DroppedOffline].add(static_cast<std::uint64_t>(waiting_.end() - kept));
  waiting_.erase(kept, waiting_.end());
  shrink(waiting_);
}

}  // namespace mqttproxy::session
