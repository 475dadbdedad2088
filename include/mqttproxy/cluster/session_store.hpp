// Sessions that several nodes share, as a worker sees them: it owns the sessions of its connections, and what it must
// know of others comes back to it as calls that are posted.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "mqttproxy/cluster/offsets.hpp"
#include "mqttproxy/downlink/message.hpp"
#include "mqttproxy/mqtt/packets.hpp"

namespace mqttproxy::cluster {

/// A QoS 1 message that a client has not acknowledged: where it stands in the downlink topic.
struct Reference {
  std::int32_t partition = 0;
  std::int64_t offset = 0;
  mqtt::PacketId packet_id = 0;  // 0: it was not sent yet

  friend auto operator<=>(const Reference&, const Reference&) = default;
};

struct Filter {
  std::string text;
  mqtt::Qos granted = mqtt::Qos::AtMostOnce;

  friend bool operator==(const Filter&, const Filter&) = default;
};

/// All that a persistent session is: it owes the references, in their order, and then every message from `from` on that
/// matches a filter.
struct Cut {
  std::vector<Filter> filters;
  std::vector<Reference> references;
  Offsets from;

  friend bool operator==(const Cut&, const Cut&) = default;
};

/// A connection of this node: which worker's, and that worker's name for it.
struct Seat {
  std::uint32_t worker = 0;
  std::uint64_t connection = 0;

  friend auto operator<=>(const Seat&, const Seat&) = default;
};

struct ClaimRequest {
  std::string proxy;
  std::string client_id;
  bool clean = true;
  std::chrono::seconds expiry{0};                   // of the session, once it is offline
  std::chrono::steady_clock::time_point read_at{};  // when CONNECT was read
  std::uint32_t max_sessions = 0;                   // stored, of all nodes; 0: any number
};

struct Claimed {
  bool refused = false;  // it would be a session beyond ClaimRequest::max_sessions: nothing was claimed
  bool session_present = false;
  /// No other node has served the client since this one did: what the worker still knows of it holds.
  bool unbroken = false;
  Cut cut{};  // of a persistent session
};

/// Why a connection has to end.
enum class Loss : std::uint8_t {
  Takeover,     // another connection has claimed its client id, here or on another node
  Deleted,      // the session was deleted by the API
  Fenced,       // the other nodes took this one for dead
  Unavailable,  // what the node had written is not known to be stored
};

/// Messages a session has missed between two positions.
struct Recovery {
  std::vector<Filter> filters;
  std::vector<Reference> references;
  Offsets from;  // of each partition what is missing begins here …
  Offsets to;    // … and ends before this; nothing where it is not above `from`
};

struct Recovered {
  downlink::MessagePtr message;
  mqtt::PacketId packet_id = 0;  // of its reference
};

/// What a worker says once a second of the persistent sessions it serves.
struct Progress {
  std::vector<std::pair<Seat, Cut>> changed;  // sessions whose stored state no longer holds at `position`
  Offsets position;                           // what is before it is delivered, or among the references
  std::vector<Seat> behind;                   // sessions of which that is not true
};

/// Thread: any; calls return at once. Those of one worker are handled in their order.
class SessionStore {
 public:
  virtual ~SessionStore() = default;
  /// CONNECT was read and its client let in. on_claimed() or on_lost() follows.
  virtual void claim(Seat seat, ClaimRequest request) = 0;
  /// The connection has ended, of whatever cause, after claim(). `cut`: what is owed to a persistent session, nullopt
  /// when it is clean or on_claimed() has not come. Nothing is called for this seat any more.
  virtual void release(Seat seat, std::optional<Cut> cut) = 0;
  /// The subscriptions of a persistent session have changed. on_stored(token) when that outlives this node.
  virtual void store(Seat seat, Cut cut, std::uint64_t token) = 0;
  /// on_recovered() follows, several times, the last one `complete`.
  virtual void recover(Seat seat, Recovery recovery) = 0;
  /// The answer to on_collect(round).
  virtual void report(std::uint32_t worker, std::uint64_t round, Progress progress) = 0;
};

/// A worker. Calls may come from any thread and are posted to its own, in their order; seats that are gone are ignored.
class OwnerPort {
 public:
  virtual ~OwnerPort() = default;
  virtual void on_claimed(Seat seat, Claimed claimed) = 0;
  virtual void on_stored(Seat seat, std::uint64_t token) = 0;
  /// The connection has to end; its seat is released already.
  virtual void on_lost(Seat seat, Loss loss) = 0;
  /// The next messages of a recovery, in order.
  virtual void on_recovered(Seat seat, std::vector<Recovered> messages, bool complete) = 0;
  /// Answer with report(round).
  virtual void on_collect(std::uint64_t round) = 0;
};

}  // namespace mqttproxy::cluster
