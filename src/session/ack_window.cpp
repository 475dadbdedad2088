#include "mqttproxy/session/ack_window.hpp"

#include <algorithm>

namespace mqttproxy::session {

AckWindow::Sequence AckWindow::push(mqtt::PacketId packet_id, mqtt::Qos qos, Stamp read_at) {
  if (size() == ring_.size()) grow();
  const Sequence sequence = tail_++;
  at(sequence) = Entry{packet_id, qos, State::Pending, read_at};
  return sequence;
}

void AckWindow::complete(Sequence sequence) noexcept {
  if (contains(sequence) && at(sequence).state == State::Pending) at(sequence).state = State::Done;
}

void AckWindow::fail(Sequence sequence) noexcept {
  if (!contains(sequence) || at(sequence).state != State::Pending) return;
  at(sequence).state = State::Failed;
  failed_ = true;
}

void AckWindow::settle(mqtt::PacketId packet_id, bool stored) noexcept {
  for (Sequence sequence = head_; sequence != tail_; ++sequence) {
    const Entry& entry = at(sequence);
    if (entry.packet_id != packet_id || entry.qos != mqtt::Qos::ExactlyOnce) continue;
    if (stored) {
      complete(sequence);
    } else {
      fail(sequence);
    }
  }
}

void AckWindow::grow() {
  std::vector<Entry> larger(std::max<std::size_t>(ring_.size() * 2, 4));
  for (Sequence sequence = head_; sequence != tail_; ++sequence) larger[sequence & (larger.size() - 1)] = at(sequence);
  ring_ = std::move(larger);
}

}  // namespace mqttproxy::session
