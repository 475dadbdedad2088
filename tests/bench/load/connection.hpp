// One publishing connection: which messages are under way, whether acknowledgements are right, and its socket.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <sys/uio.h>

#include "load/histogram.hpp"
#include "load/packets.hpp"
#include "load/sockets.hpp"

namespace mqttproxy::bench {

/// The messages of one connection from PUBLISH to the last acknowledgement, without I/O. Acknowledgements must come
/// in the order of the PUBLISH packets [MQTT-4.6.0-2], each exactly once.
class Flight {
 public:
  /// `slots` packet ids go round (PacketRing); more than `window`, so that a repeated or foreign id is noticed.
  Flight(unsigned qos, std::uint32_t window, std::uint32_t slots);

  /// How many more may be sent now.
  [[nodiscard]] std::uint32_t room() const { return window_ - in_flight(); }
  [[nodiscard]] std::uint32_t in_flight() const { return static_cast<std::uint32_t>(sent_ - completed_); }
  [[nodiscard]] std::uint64_t sent() const { return sent_; }

  /// One more message goes out; `started` is where its latency counts from. QoS 0 is complete at once.
  void on_sent(Nanoseconds started);
  /// Takes a PUBACK, PUBREC or PUBCOMP. The start of the message it completes, nullopt if it completes none
  /// (PUBREC). Throws LoadError: out of order, unknown id, or a type this QoS doesn't know.
  std::optional<Nanoseconds> on_answer(Answer answer);

  /// QoS 2: PUBREL packets that are due, from which sequence number on.
  [[nodiscard]] std::uint32_t pubrels_due() const { return static_cast<std::uint32_t>(received_ - released_); }
  [[nodiscard]] std::uint64_t first_pubrel_due() const { return released_; }
  void on_pubrels_sent() { released_ = received_; }

 private:
  void require(const char* type, std::uint64_t expected, std::uint64_t end, std::uint16_t packet_id) const;

  unsigned qos_;
  std::uint32_t window_;
  std::uint32_t slots_;
  std::uint64_t sent_ = 0;
  std::uint64_t received_ = 0;   // PUBREC seen
  std::uint64_t released_ = 0;   // PUBREL sent
  std::uint64_t completed_ = 0;  // PUBACK or PUBCOMP seen
  std::vector<Nanoseconds> started_;
};

/// How many packet ids a window of this size takes turns with.
[[nodiscard]] std::uint32_t ring_slots(std::uint32_t window);

/// Flight, socket and unsent bytes. Everything staged between two calls of write() leaves in one writev().
class Publisher {
 public:
  /// `pubrels` is used at QoS 2 only. Both rings may be shared by all connections and must outlive this object.
  Publisher(Fd socket, unsigned qos, std::uint32_t window, const PacketRing& publishes, const PacketRing& pubrels);

  [[nodiscard]] int fd() const { return socket_.get(); }
  /// Messages that may be staged now: none while the socket takes no more.
  [[nodiscard]] std::uint32_t room() const { return blocked() ? 0 : flight_.room() - staged_qos0_; }
  [[nodiscard]] bool blocked() const { return pending_count_ > 0; }
  [[nodiscard]] std::uint32_t in_flight() const { return flight_.in_flight(); }

  void stage_publish(Nanoseconds started);
  void stage_ping() { ping_due_ = true; }
  /// Sends what is staged, as far as the socket takes it; the rest makes it blocked(). Throws LoadError.
  void write();

  struct Progress {
    std::uint32_t completed = 0;
    std::uint32_t pings = 0;
  };
  /// One read() into `buffer`; latencies of completed messages up to `now` go into `latency`. Throws LoadError.
  Progress read(std::span<std::uint8_t> buffer, Nanoseconds now, Histogram& latency);

 private:
  void gather_staged();
  void send_pending();

  Fd socket_;
  const PacketRing* publishes_;
  const PacketRing* pubrels_;
  Flight flight_;
  AnswerStream answers_;
  unsigned qos_;
  std::uint64_t first_staged_ = 0;  // sequence numbers [first_staged_, flight_.sent()) wait for write()
  std::uint32_t staged_qos0_ = 0;   // QoS 0 completes at once: what is staged still takes room
  bool ping_due_ = false;
  std::array<iovec, 5> pending_{};  // unsent: PUBRELs (2 pieces), PUBLISHes (2), PINGREQ
  std::size_t pending_count_ = 0;
};

}  // namespace mqttproxy::bench
