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
  const auto now = std::chrono::system_clock::now();
  if (const auto it = by_client_id_.find(client_id); it != by_client_id_.end()) {
    Session& known = *sessions_.find(it->second);
    attached.displaced = known.connection;
    if (!clean_session && !known.clean_session) {  // [MQTT-3.1.2-4] resume
      known.connection = connection;
      known.connected_at = now;
      known.flush_due = false;
      if (known.outbox) known.outbox->rewind();  // [MQTT-4.4.0-1]
      attached.session = it->second;
      attached.session_present = true;
      return attached;
    }
    erase(it->second);  // [MQTT-3.1.2-6] a clean start discards, and a clean session is not resumed
  }
  attached.session = sessions_.emplace();
  Session& session = *sessions_.find(attached.session);
  session.client_id = client_id;
  session.clean_session = clean_session;
  session.connection = connection;
  session.connected_at = now;
  by_client_id_.emplace(session.client_id, attached.session);
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
  known->flush_due = false;
  if (known->outbox) known->outbox->go_offline();
  known->expires_at = expires_at;
}

std::uint8_t Registry::subscribe(Handle session, std::string_view filter, mqtt::Qos requested) {
  constexpr std::uint8_t kFailure = 0x80;
  FilterSet& filters = sessions_.find(session)->filters;
  const mqtt::Qos granted = std::min(requested, mqtt::Qos::AtLeastOnce);  // no QoS 2 goes to devices
  return subscriptions_.add(session.slot, filters, filter, granted, limits_.filters_per_session)
             ? static_cast<std::uint8_t>(granted)
             : kFailure;
}

void Registry::unsubscribe(Handle session, std::string_view filter) {
  subscriptions_.remove(session.slot, sessions_.find(session)->filters, filter);
}

Handle Registry::find(std::string_view client_id) const noexcept {
  const auto it = by_client_id_.find(client_id);
  return it == by_client_id_.end() ? Handle{} : it->second;
}

bool Registry::connected(std::string_view client_id) noexcept {
  const Session* known = sessions_.find(find(client_id));
  return known != nullptr && known->connection.valid();
}

void Registry::remove(Handle session) {
  if (sessions_.find(session) != nullptr) erase(session);
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
  Session& known = *sessions_.find(session);
  subscriptions_.clear(session.slot, known.filters);
  by_client_id_.erase(known.client_id);
  sessions_.erase(session);
}

}  // namespace mqttproxy::session
