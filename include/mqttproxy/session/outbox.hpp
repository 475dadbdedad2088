// What one session owes its client: messages that wait, and QoS 1 messages sent and not acknowledged.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
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
  Persistent,     // gauge: sessions that outlive their connections
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
  /// True while no queue may grow: a message takes the place of another, or none. Empty: never.
  std::function<bool()> no_memory{};
};

/// One FIFO: messages leave in the order in which they were offered [MQTT-4.6.0-5] [MQTT-4.6.0-6], those a session has
/// missed (recover()) before those offered since begin_recovery(). Owner: one worker's thread. Memory: as much as there
/// is to do; an empty one keeps a few slots.
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

  /// Holds back what is offered from now on, until end_recovery(). The limits hold for all that waits; as long as it
  /// lasts, what fits into the window has a place besides.
  void begin_recovery();
  /// Queues a QoS 1 message in front of what is held back. `packet_id` other than 0: it was in flight with it, and is
  /// again, where the id follows those in flight within the window; else it is sent as a new message.
  /// Precondition: between begin_recovery() and end_recovery().
  void recover(const DeliveryPtr& delivery, mqtt::PacketId packet_id);
  void end_recovery();

  /// Calls `f(Position, PacketId)` for every QoS 1 message that is not acknowledged, in order; packet id 0: it waits.
  template <class F>
  void for_each_owed(F&& f) const {
    for (const Inflight& sent : inflight_) {
      if (!sent.acknowledged) f(sent.delivery->position(), sent.packet_id);
    }
    const auto wait = [&](const boost::circular_buffer<Waiting>& ring) {
      for (const Waiting& waiting : ring) {
        if (waiting.qos != mqtt::Qos::AtMostOnce) f(waiting.delivery->position(), mqtt::PacketId{0});
      }
    };
    wait(waiting_);
    if (held_) wait(*held_);
  }
  /// Another one each time that for_each_owed() would say something else.
  [[nodiscard]] std::uint32_t version() const noexcept { return version_; }

  /// A new connection serves the session: what is in flight is sent again, first, in order [MQTT-4.4.0-1].
  void rewind() noexcept { resend_ = 0; }
  /// The connection is gone: messages with QoS 0 go with it. Precondition: no recovery is under way.
  void go_offline() noexcept;

  [[nodiscard]] std::size_t inflight() const noexcept { return inflight_.size(); }
  [[nodiscard]] std::size_t queued() const noexcept { return waiting_.size() + (held_ ? held_->size() : 0); }
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
  [[nodiscard]] bool restore(const DeliveryPtr& delivery, mqtt::PacketId packet_id);
  [[nodiscard]] bool has_room(std::size_t bytes) const noexcept;
  /// Room for a QoS 1 message, by the rule for a full queue. False: it has to be dropped.
  [[nodiscard]] bool make_room(std::size_t bytes);
  [[nodiscard]] bool must_not_grow() const;
  void wait(boost::circular_buffer<Waiting>& ring, const DeliveryPtr& delivery, mqtt::Qos qos);
  void count_waiting(const Waiting& removed) noexcept;
  void drop_oldest() noexcept;

  const OutboxLimits& limits_;
  OutboxCounters& counters_;
  boost::circular_buffer<Waiting> waiting_;
  boost::circular_buffer<Inflight> inflight_;              // in the order of sending; its size is the window in use
  std::unique_ptr<boost::circular_buffer<Waiting>> held_;  // during a recovery: behind waiting_
  std::size_t waiting_bytes_ = 0;                          // of both
  std::size_t resend_ = 0;  // index of the first in flight that this connection has not sent
  std::uint32_t version_ = 0;
  mqtt::PacketId last_packet_id_ = 0;
};

}  // namespace mqttproxy::session
