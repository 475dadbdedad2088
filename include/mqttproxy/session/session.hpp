// What outlives a connection: one client's session, and the registry that finds it by client id.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "mqttproxy/mqtt/packets.hpp"
#include "mqttproxy/session/slab.hpp"

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

/// One client id's state on its home worker. Lives until its connection ends (clean session) or it expires.
struct Session {
  std::string client_id;
  bool clean_session = true;
  Handle connection;  // invalid while offline
  UnreleasedIds unreleased;
  std::chrono::steady_clock::time_point expires_at{};  // while offline
};

/// All sessions of one MQTTProxy on one worker. Owner: that worker's thread.
class Registry {
 public:
  struct Attached {
    Handle session;
    bool session_present = false;  // [MQTT-3.2.2-1] [MQTT-3.2.2-2] [MQTT-3.2.2-3]
    Handle displaced;              // connection that served this client id until now [MQTT-3.1.4-2]
  };
  /// A connection has been accepted for `client_id`.
  Attached attach(std::string_view client_id, bool clean_session, Handle connection);

  /// The connection has ended. Nothing happens when another one serves the session by now: identity is the
  /// connection, not the client id. A clean session is removed [MQTT-3.1.2-6]; another is kept until `expires_at`.
  void detach(Handle session, Handle connection, std::chrono::steady_clock::time_point expires_at);

  [[nodiscard]] Session* find(Handle session) noexcept { return sessions_.find(session); }
  [[nodiscard]] bool connected(std::string_view client_id) noexcept;
  /// Removes offline sessions whose time has come; returns how many.
  std::size_t expire(std::chrono::steady_clock::time_point now);
  [[nodiscard]] std::size_t size() const noexcept { return sessions_.size(); }

 private:
  void erase(Handle session);

  Slab<Session> sessions_;
  std::unordered_map<std::string_view, Handle> by_client_id_;  // keys are views into sessions_
};

}  // namespace mqttproxy::session
