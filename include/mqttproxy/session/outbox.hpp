// What one session owes its client: messages that wait, and QoS 1 messages sent and not acknowledged.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include <boost/circular_buffer.hpp>

#include "mqttproxy/metrics/metrics.hpp"
#include "mqttproxy/mqtt/packets.hpp"
#include "mqttproxy/session/delivery.hpp"

namespace mqttproxy::session {

enum class OutboxEvent : std::uint8_t {
  Queued,         // gauge: messages that wait, all sessions
  QueuedBytes,    // gauge
  Inflight,       // gauge: sent with QoS 1, not acknowledged
  Subscriptions,  // gauge
  Sent0,
  Sent1,
  Resent,
  Acknowledged,
  DroppedFull,     // the session's queue was full
  DroppedSlow,     // QoS 0, and the client does not keep up
  DroppedOffline,  // QoS 0, and the client is not there
  Count_,
};
using OutboxCounters = metrics::CounterSet<OutboxEvent>;

struct OutboxLimits {
  std::uint16_t inflight = 20;             // 1..65,535
  std::uint32_t queue_messages = 1'000;    // that wait
  std::uint64_t queue_bytes = 8U << 20U;   // the same in bytes
  std::uint64_t unsent_bytes = 1U << 20U;  // that wait, beyond which a QoS 0 message is dropped
  bool drop_newest = false;                // of a full queue; else the oldest
};

/// One FIFO: messages leave in the order in which they were offered [MQTT-4.6.0-6]. Owner: one worker's thread.
/// Memory: as much as there is to do; an empty one keeps a few slots.
class Outbox {
 public:
  /// Both must outlive it.
  Outbox(const OutboxLimits& limits, OutboxCounters& counters) : limits_(limits), counters_(counters) {}
  ~Outbox();
  Outbox(const Outbox&) = delete;
  Outbox& operator=(const Outbox&) = delete;

  /// Queues the message, `granted` being what the subscription was granted, or drops (and counts) what has no room.
  void offer(const DeliveryPtr& delivery, mqtt::Qos granted, bool online);

  struct Outgoing {
    DeliveryPtr delivery;
    mqtt::Qos qos = mqtt::Qos::AtMostOnce;
    mqtt::PacketId packet_id = 0;  // 1.. with QoS 1
    bool dup = false;
  };
  /// The next message to be written now: it counts as sent. nullopt: nothing waits, or the in-flight window is full.
  [[nodiscard]] std::optional<Outgoing> take();

  /// PUBACK. False for an id that is not in flight.
  bool acknowledge(mqtt::PacketId packet_id) noexcept;

  /// A new connection serves the session: what is in flight is sent again, first, in order [MQTT-4.4.0-1].
  void rewind() noexcept { resend_ = 0; }
  /// The connection is gone: messages with QoS 0 go with it.
  void go_offline() noexcept;

  [[nodiscard]] std::size_t inflight() const noexcept { return inflight_.size(); }
  [[nodiscard]] std::size_t queued() const noexcept { return waiting_.size(); }
  [[nodiscard]] std::size_t queued_bytes() const noexcept { return waiting_bytes_; }

 private:
  struct Waiting {
    DeliveryPtr delivery;
    mqtt::Qos qos = mqtt::Qos::AtMostOnce;
  };
  struct Inflight {
    DeliveryPtr delivery;
    mqtt::PacketId packet_id = 0;
    bool acknowledged = false;  // out of turn; it leaves when it is the oldest
  };

  [[nodiscard]] std::optional<Outgoing> take_again();
  [[nodiscard]] mqtt::PacketId next_packet_id() noexcept;
  [[nodiscard]] bool has_room(std::size_t bytes) const noexcept;
  void count_waiting(const Waiting& removed) noexcept;
  void drop_oldest() noexcept;

  const OutboxLimits& limits_;
  OutboxCounters& counters_;
  boost::circular_buffer<Waiting> waiting_;
  boost::circular_buffer<Inflight> inflight_;  // in the order of sending; its size is the window in use
  std::size_t waiting_bytes_ = 0;
  std::size_t resend_ = 0;  // index of the first in flight that this connection has not sent
  mqtt::PacketId last_packet_id_ = 0;
};

}  // namespace mqttproxy::session
