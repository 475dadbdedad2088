// What outlives a connection: one client's session, and the registry that finds it by client id.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "mqttproxy/mqtt/packets.hpp"
#include "mqttproxy/session/outbox.hpp"
#include "mqttproxy/session/slab.hpp"
#include "mqttproxy/session/subscriptions.hpp"
#include "mqttproxy/util/sip_hash.hpp"

namespace mqttproxy::session {

/// The QoS 2 packet ids a client has published and not yet released: method B of section 4.3.3 – the id is stored, the
/// message goes on at once. Bounded by the 65,535 ids there are. 4 bytes each.
class UnreleasedIds {
 public:
  enum class Seen : std::uint8_t {
    New,      // first sight: now Storing
    Storing,  // its record is on its way to Kafka
    Stored,   // its record is in Kafka: answer PUBREC, produce nothing
  };
  Seen see(mqtt::PacketId packet_id);
  /// Its record is stored (now Stored) or never will be (forgotten). True when the client has sent the message again
  /// meanwhile, so that a second PUBLISH waits for the answer.
  bool settle(mqtt::PacketId packet_id, bool stored) noexcept;
  /// PUBREL, or a PUBLISH that was not taken. Unknown ids are ignored.
  void forget(mqtt::PacketId packet_id) noexcept;
  [[nodiscard]] bool storing(mqtt::PacketId packet_id) const noexcept;
  [[nodiscard]] bool any_storing() const noexcept;
  [[nodiscard]] std::size_t size() const noexcept { return ids_.size(); }

 private:
  struct Id {
    mqtt::PacketId packet_id = 0;
    bool stored = false;
    bool awaited = false;
  };
  [[nodiscard]] std::vector<Id>::iterator find(mqtt::PacketId packet_id) noexcept;
  std::vector<Id> ids_;  // sorted
};

/// What a persistent session has besides when its state is stored outside, for whichever node serves it next. Such a
/// session is here while its connection is; afterwards at most a shell of it, with its QoS 2 ids.
struct StoredSession {
  Handle self;
  /// By partition of the downlink topic: what is before it is not for delivery live, but comes from the recovery, or
  /// came to the node that served the session before. Empty once the worker has passed it.
  std::vector<std::int64_t> from{};
  std::size_t filter_bytes = 0;  // text of all filters
  bool recovering = false;
  bool filters_changed = false;  // since it was last asked
  bool watched = false;          // among those review() looks at
};

/// One client id's state on its home worker. Lives until its connection ends (clean session) or it expires.
struct Session {
  std::string client_id;
  bool clean_session = true;
  Handle connection;  // invalid while offline
  UnreleasedIds unreleased;
  std::chrono::steady_clock::time_point expires_at{};  // while offline
  std::chrono::system_clock::time_point connected_at{};
  FilterSet filters;
  std::unique_ptr<Outbox> outbox;         // none until there was a message for it
  std::unique_ptr<StoredSession> stored;  // none for a clean session, or without a store
  bool flush_due = false;                 // its connection is among those that will be flushed
  std::uint32_t revision = 0;             // of the pipelines that its last connection's records went through
};

/// Text of all filters of a session whose state is stored outside: it has to fit into one Kafka record.
inline constexpr std::size_t kStoredFilterBytes = std::size_t{512} * 1024;

struct RegistryLimits {
  OutboxLimits outbox;
  std::uint32_t filters_per_session = 10'000;
};

/// All sessions of one MQTTProxy on one worker. Owner: that worker's thread.
class Registry {
 public:
  /// `counters` must outlive it.
  Registry(const RegistryLimits& limits, OutboxCounters& counters)
      : limits_(limits), counters_(counters), subscriptions_(counters[OutboxEvent::Subscriptions]) {}

  /// Others from now on. What sessions have beyond them stays until it is gone.
  void set_limits(const RegistryLimits& limits) { limits_ = limits; }

  struct Attached {
    Handle session;
    bool session_present = false;  // [MQTT-3.2.2-1] [MQTT-3.2.2-2] [MQTT-3.2.2-3]
    Handle displaced;              // connection that served this client id until now [MQTT-3.1.4-2]
  };
  /// A connection has been accepted for `client_id`.
  Attached attach(std::string_view client_id, bool clean_session, Handle connection);

  /// The same when the session's state is stored outside: the session has no filters until they are put back with
  /// restore(). `unbroken`: nobody else has served the client since it was here, so that its QoS 2 ids, where there is
  /// a shell with them, still mean the same. Precondition: no connection serves the client id.
  Handle resume(std::string_view client_id, bool clean_session, Handle connection, bool unbroken);
  /// A filter the session has already, whatever the limits.
  void restore(Handle session, std::string_view filter, mqtt::Qos granted);

  /// The connection has ended. Nothing happens when another one serves the session by now: identity is the
  /// connection, not the client id. A clean session is removed [MQTT-3.1.2-6]; another is kept until `expires_at`, or
  /// its shell is.
  void detach(Handle session, Handle connection, std::chrono::steady_clock::time_point expires_at);

  /// SUBACK's return code: what is granted (0 or 1), or 0x80 when the session has as many filters as it may have, or as
  /// much text of them (kStoredFilterBytes).
  [[nodiscard]] std::uint8_t subscribe(Handle session, std::string_view filter, mqtt::Qos requested);
  void unsubscribe(Handle session, std::string_view filter);

  /// Offers the message to every session with a matching filter, once, at the highest QoS it was granted
  /// [MQTT-3.3.5-1]. Calls `due(Handle connection)` for each connection that has to be flushed and was not named
  /// since its last flush. Returns how many sessions matched.
  template <class Due>
  std::size_t deliver(const DeliveryPtr& delivery, std::string_view topic, Due&& due) {
    return subscriptions_.match(topic, [&](std::uint32_t slot, mqtt::Qos granted) {
      Session& session = sessions_.at(slot);
      if (session.stored && !is_live(*session.stored, delivery->position())) return;
      outbox(session).offer(delivery, granted, session.connection.valid());
      if (session.connection.valid() && !std::exchange(session.flush_due, true)) due(session.connection);
    });
  }

  /// Calls `f(Session&)` for every connected session with a StoredSession that is watched. False: not again until it is
  /// watched again; a message for it does that.
  template <class F>
  void review(F&& f) {
    std::erase_if(watched_, [&](Handle handle) {
      Session* session = sessions_.find(handle);
      if (session == nullptr) return true;
      session->stored->watched = session->connection.valid() && f(*session);
      return !session->stored->watched;
    });
  }
  void watch(StoredSession& stored);

  /// The session's, made when there is none yet.
  Outbox& outbox(Session& session) {
    if (!session.outbox) session.outbox = std::make_unique<Outbox>(limits_.outbox, counters_);
    return *session.outbox;
  }

  [[nodiscard]] Session* find(Handle session) noexcept { return sessions_.find(session); }
  [[nodiscard]] Handle find(std::string_view client_id) const noexcept;
  /// Drops an offline session before its time.
  void remove(Handle session);
  [[nodiscard]] const Subscriptions& subscriptions() const noexcept { return subscriptions_; }
  /// For looking at all of them bit by bit: slots 0 to slots()-1; nullptr where there is none.
  [[nodiscard]] std::uint32_t slots() const noexcept { return sessions_.slots(); }
  [[nodiscard]] const Session* session_in(std::uint32_t slot) const noexcept { return sessions_.in_slot(slot); }
  [[nodiscard]] bool connected(std::string_view client_id) noexcept;
  /// Removes offline sessions whose time has come; returns how many.
  std::size_t expire(std::chrono::steady_clock::time_point now);
  [[nodiscard]] std::size_t size() const noexcept { return sessions_.size(); }

 private:
  /// Keyed: client ids that collide cannot be chosen.
  struct Hash {
    util::SipHash hash;
    std::size_t operator()(std::string_view client_id) const noexcept { return hash(client_id); }
  };

  Session& make(Handle handle, std::string_view client_id, bool clean_session, Handle connection);
  /// Whether a message of that position is for delivery now.
  [[nodiscard]] bool is_live(StoredSession& stored, Position position);
  void leave_shell(Session& session);
  void erase(Handle session);

  RegistryLimits limits_;
  OutboxCounters& counters_;
  Subscriptions subscriptions_;
  Slab<Session> sessions_;
  std::unordered_map<std::string_view, Handle, Hash> by_client_id_;  // keys are views into sessions_
  std::vector<Handle> watched_;
};

}  // namespace mqttproxy::session
