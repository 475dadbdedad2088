// The acknowledgements one connection is owed, in PUBLISH order. Delivery reports come per Kafka partition and so out
// of order; acknowledgements must leave in the order in which the PUBLISH packets came [MQTT-4.6.0-2] [MQTT-4.6.0-3].
#pragma once

#include <cstdint>
#include <vector>

#include "mqttproxy/mqtt/packets.hpp"
#include "mqttproxy/session/stamp.hpp"

namespace mqttproxy::session {

/// A ring of one entry per PUBLISH that has no final answer yet, QoS 0 included (it takes room, but is not answered).
/// Owner: one connection, its worker's thread. Memory: 8 bytes per entry, none while empty after a burst.
class AckWindow {
 public:
  /// Number of a PUBLISH on its connection; wraps.
  using Sequence = std::uint32_t;

  struct Released {
    mqtt::PacketId packet_id = 0;
    mqtt::Qos qos = mqtt::Qos::AtMostOnce;
    Stamp read_at = 0;
  };

  [[nodiscard]] std::uint32_t size() const noexcept { return tail_ - head_; }
  [[nodiscard]] bool empty() const noexcept { return head_ == tail_; }

  /// The sequence the next push() will return.
  [[nodiscard]] Sequence next() const noexcept { return tail_; }
  Sequence push(mqtt::PacketId packet_id, mqtt::Qos qos, Stamp read_at = 0);

  /// Stored: may be acknowledged once everything before it is. Unknown or repeated sequences are ignored.
  void complete(Sequence sequence) noexcept;
  /// Will never be acknowledged. Later entries stay behind it: failed() is true once it is the oldest.
  void fail(Sequence sequence) noexcept;

  /// Completes or fails every pending QoS 2 entry with this packet id. Linear: for the rare message whose report comes
  /// after its connection was replaced.
  void settle(mqtt::PacketId packet_id, bool stored) noexcept;

  /// Some entry has failed: the connection will have to end once that one is the oldest.
  [[nodiscard]] bool failed() const noexcept { return failed_; }
  /// The oldest entry has failed: nothing more can be released, the connection has to end.
  [[nodiscard]] bool front_failed() const noexcept { return !empty() && at(head_).state == State::Failed; }

  /// Takes completed entries from the front, in order, calling `sink(Released)` for each.
  template <class Sink>
  void release(Sink&& sink) {
    while (!empty() && at(head_).state == State::Done) {
      const Entry& entry = at(head_);
      sink(Released{entry.packet_id, entry.qos, entry.read_at});
      ++head_;
    }
    if (empty() && ring_.size() > kKeptCapacity) std::vector<Entry>().swap(ring_);
  }

 private:
  enum class State : std::uint8_t { Pending, Done, Failed };
  struct Entry {
    mqtt::PacketId packet_id = 0;
    mqtt::Qos qos = mqtt::Qos::AtMostOnce;
    State state = State::Pending;
    Stamp read_at = 0;
  };
  static constexpr std::size_t kKeptCapacity = 64;

  [[nodiscard]] bool contains(Sequence sequence) const noexcept { return sequence - head_ < size(); }
  [[nodiscard]] Entry& at(Sequence sequence) noexcept { return ring_[sequence & (ring_.size() - 1)]; }
  [[nodiscard]] const Entry& at(Sequence sequence) const noexcept { return ring_[sequence & (ring_.size() - 1)]; }
  void grow();

  std::vector<Entry> ring_;  // capacity a power of two
  Sequence head_ = 0;
  Sequence tail_ = 0;
  bool failed_ = false;
};

}  // namespace mqttproxy::session
