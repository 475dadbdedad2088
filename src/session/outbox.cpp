#include "mqttproxy/session/outbox.hpp"

#include <algorithm>
#include <utility>

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
  counters_[OutboxEvent::Queued].sub(queued());
  counters_[OutboxEvent::QueuedBytes].sub(waiting_bytes_);
  counters_[OutboxEvent::Inflight].sub(inflight_.size());
}

void Outbox::offer(const DeliveryPtr& delivery, Qos granted, bool online) {
  const Qos qos = std::min(delivery->qos(), granted);  // [MQTT-3.8.4-6]
  const std::size_t bytes = delivery->bytes();
  if (qos == Qos::AtMostOnce) {
    if (!online) return counters_[OutboxEvent::DroppedOffline].add();
    // It never takes the place of another message. One that is larger than the budget passes when nothing waits.
    const bool in_budget = queued() == 0 || waiting_bytes_ + bytes <= limits_.unsent_bytes;
    if (!in_budget || !has_room(bytes) || must_not_grow()) return counters_[OutboxEvent::DroppedSlow].add();
  } else if (!make_room(bytes)) {
    return counters_[OutboxEvent::DroppedFull].add();
  }
  wait(held_ ? *held_ : waiting_, delivery, qos);
}

bool Outbox::has_room(std::size_t bytes) const noexcept {
  // What a session was owed before fits here again, whether it was in flight or not.
  const std::size_t messages = std::size_t{limits_.queue_messages} + (held_ ? limits_.inflight : 0U);
  return queued() < messages && waiting_bytes_ + bytes <= limits_.queue_bytes;
}

bool Outbox::must_not_grow() const {
  return queued() != 0 && limits_.no_memory && limits_.no_memory();
}

bool Outbox::make_room(std::size_t bytes) {
  if (limits_.drop_newest || bytes > limits_.queue_bytes) return has_room(bytes) && !must_not_grow();
  if (must_not_grow()) drop_oldest();
  while (!has_room(bytes)) drop_oldest();
  return true;
}

void Outbox::wait(boost::circular_buffer<Waiting>& ring, const DeliveryPtr& delivery, Qos qos) {
  push(ring, Waiting{delivery, qos});
  const std::size_t bytes = delivery->bytes();
  waiting_bytes_ += bytes;
  ++version_;
  counters_[OutboxEvent::Queued].add();
  counters_[OutboxEvent::QueuedBytes].add(bytes);
}

void Outbox::count_waiting(const Waiting& removed) noexcept {
  const std::size_t bytes = removed.delivery->bytes();
  waiting_bytes_ -= bytes;
  ++version_;
  counters_[OutboxEvent::Queued].sub();
  counters_[OutboxEvent::QueuedBytes].sub(bytes);
}

void Outbox::drop_oldest() noexcept {
  boost::circular_buffer<Waiting>& oldest = waiting_.empty() ? *held_ : waiting_;
  count_waiting(oldest.front());
  oldest.pop_front();
  counters_[OutboxEvent::DroppedFull].add();
}

void Outbox::begin_recovery() {
  held_ = std::make_unique<boost::circular_buffer<Waiting>>();
}

void Outbox::recover(const DeliveryPtr& delivery, mqtt::PacketId packet_id) {
  // Behind one that waits for its first id, or another, the order of the ids would not be that of the messages.
  if (packet_id != 0 && waiting_.empty() && restore(delivery, packet_id)) return;
  if (!make_room(delivery->bytes())) return counters_[OutboxEvent::DroppedFull].add();
  wait(waiting_, delivery, Qos::AtLeastOnce);
}

bool Outbox::restore(const DeliveryPtr& delivery, mqtt::PacketId packet_id) {
  if (!inflight_.empty()) {
    // Ids between were acknowledged out of turn. One that is in flight already is a whole round away.
    const std::size_t steps = (packet_id + kPacketIds - last_packet_id_ - 1) % kPacketIds + 1;
    if (inflight_.size() + steps > limits_.inflight) return false;
    counters_[OutboxEvent::Inflight].add(steps - 1);
    while (next_packet_id() != packet_id) push(inflight_, Inflight{nullptr, last_packet_id_, true});
  }
  last_packet_id_ = packet_id;
  push(inflight_, Inflight{delivery, packet_id, false});  // beyond resend_: sent with DUP
  ++version_;
  counters_[OutboxEvent::Inflight].add();
  return true;
}

void Outbox::end_recovery() {
  const auto held = std::exchange(held_, nullptr);
  for (Waiting& waiting : *held) push(waiting_, std::move(waiting));
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
    // [MQTT-3.3.1-1] in the order in which they were sent [MQTT-4.6.0-1]
    return Outgoing{sent.delivery, Qos::AtLeastOnce, sent.packet_id, true};
  }
  return std::nullopt;
}

mqtt::PacketId Outbox::next_packet_id() noexcept {
  // Ids are handed out in turn and at most 65,534 are in flight here: the next one is free. [MQTT-2.3.1-4]
  // [MQTT-4.3.2-1]
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
  ++version_;
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
