#include "mqttproxy/session/session.hpp"

#include <algorithm>
#include <utility>

namespace mqttproxy::session {

std::vector<UnreleasedIds::Id>::iterator UnreleasedIds::find(mqtt::PacketId packet_id) noexcept {
  return std::ranges::lower_bound(ids_, packet_id, {}, &Id::packet_id);
}

UnreleasedIds::Seen UnreleasedIds::see(mqtt::PacketId packet_id) {
  const auto it = find(packet_id);
  if (it == ids_.end() || it->packet_id != packet_id) {
    ids_.insert(it, Id{packet_id, false, false});
    return Seen::New;
  }
  if (it->stored) return Seen::Stored;
  it->awaited = true;
  return Seen::Storing;
}

bool UnreleasedIds::settle(mqtt::PacketId packet_id, bool stored) noexcept {
  const auto it = find(packet_id);
  if (it == ids_.end() || it->packet_id != packet_id) return false;
  const bool awaited = std::exchange(it->awaited, false);
  if (stored) {
    it->stored = true;
  } else {
    ids_.erase(it);
  }
  return awaited;
}

void UnreleasedIds::forget(mqtt::PacketId packet_id) noexcept {
  const auto it = find(packet_id);
  if (it != ids_.end() && it->packet_id == packet_id) ids_.erase(it);
}

bool UnreleasedIds::storing(mqtt::PacketId packet_id) const noexcept {
  const auto it = std::ranges::lower_bound(ids_, packet_id, {}, &Id::packet_id);
  return it != ids_.end() && it->packet_id == packet_id && !it->stored;
}

Registry::Attached Registry::attach(std::string_view client_id, bool clean_session, Handle connection) {
  Attached attached;
  if (const auto it = by_client_id_.find(client_id); it != by_client_id_.end()) {
    Session& known = *sessions_.find(it->second);
    attached.displaced = known.connection;
    if (!clean_session && !known.clean_session) {  // [MQTT-3.1.2-4] resume
      known.connection = connection;
      attached.session = it->second;
      attached.session_present = true;
      return attached;
    }
    erase(it->second);  // [MQTT-3.1.2-6] a clean start discards, and a clean session is not resumed
  }
  attached.session = sessions_.emplace(Session{std::string(client_id), clean_session, connection, {}, {}});
  by_client_id_.emplace(sessions_.find(attached.session)->client_id, attached.session);
  return attached;
}

void Registry::detach(Handle session, Handle connection, std::chrono::steady_clock::time_point expires_at) {
  Session* known = sessions_.find(session);
  if (known == nullptr || known->connection != connection) return;
  if (known->clean_session) {
    erase(session);
    return;
  }
  known->connection = {};
  known->expires_at = expires_at;
}

bool Registry::connected(std::string_view client_id) noexcept {
  const auto it = by_client_id_.find(client_id);
  return it != by_client_id_.end() && sessions_.find(it->second)->connection.valid();
}

std::size_t Registry::expire(std::chrono::steady_clock::time_point now) {
  std::size_t expired = 0;
  sessions_.for_each([&](Handle handle, const Session& session) {
    if (session.connection.valid() || now < session.expires_at) return;
    erase(handle);
    ++expired;
  });
  return expired;
}

void Registry::erase(Handle session) {
  by_client_id_.erase(sessions_.find(session)->client_id);
  sessions_.erase(session);
}

}  // namespace mqttproxy::session
