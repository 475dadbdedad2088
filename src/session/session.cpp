#include "mqttproxy/session/session.hpp"

#include <algorithm>
#include <limits>
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

bool UnreleasedIds::any_storing() const noexcept {
  return std::ranges::any_of(ids_, [](const Id& id) { return !id.stored; });
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
      known.connected_at = std::chrono::system_clock::now();
      known.flush_due = false;
      if (known.outbox) known.outbox->rewind();  // [MQTT-4.4.0-1]
      attached.session = it->second;
      attached.session_present = true;
      return attached;
    }
    erase(it->second);  // [MQTT-3.1.2-6] a clean start discards, and a clean session is not resumed
  }
  attached.session = sessions_.emplace();
  make(attached.session, client_id, clean_session, connection);
  return attached;
}

Session& Registry::make(Handle handle, std::string_view client_id, bool clean_session, Handle connection) {
  Session& session = *sessions_.find(handle);
  session.client_id = client_id;
  session.clean_session = clean_session;
  session.connection = connection;
  session.connected_at = std::chrono::system_clock::now();
  by_client_id_.emplace(session.client_id, handle);
  if (!clean_session) counters_[OutboxEvent::Persistent].add();
  return session;
}

Handle Registry::resume(std::string_view client_id, bool clean_session, Handle connection, bool unbroken) {
  if (const auto it = by_client_id_.find(client_id); it != by_client_id_.end()) {
    Session& shell = *sessions_.find(it->second);
    if (!clean_session && unbroken) {
      shell.connection = connection;
      shell.connected_at = std::chrono::system_clock::now();
      return it->second;
    }
    // [MQTT-3.1.2-6] and what another node has released since is not known here: to take a new message for one that
    // was stored would lose it.
    erase(it->second);
  }
  const Handle handle = sessions_.emplace();
  Session& session = make(handle, client_id, clean_session, connection);
  if (!clean_session) session.stored = std::make_unique<StoredSession>(StoredSession{.self = handle});
  return handle;
}

void Registry::restore(Handle session, std::string_view filter, mqtt::Qos granted) {
  Session& known = *sessions_.find(session);
  known.stored->filter_bytes += filter.size();
  (void)subscriptions_.add(session.slot, known.filters, filter, granted, std::numeric_limits<std::size_t>::max());
}

void Registry::detach(Handle session, Handle connection, std::chrono::steady_clock::time_point expires_at) {
  Session* known = sessions_.find(session);
  if (known == nullptr || known->connection != connection) return;
  if (known->clean_session) {
    erase(session);
    return;
  }
  if (known->stored && known->unreleased.size() == 0) {
    erase(session);
    return;
  }
  known->connection = {};  // [MQTT-4.1.0-1] only from now on may it expire [MQTT-4.1.0-2]
  known->flush_due = false;
  known->expires_at = expires_at;
  if (known->stored) {
    leave_shell(*known);
  } else if (known->outbox) {
    known->outbox->go_offline();  // [MQTT-3.1.2-5]
  }
}

void Registry::leave_shell(Session& session) {
  subscriptions_.clear(session.stored->self.slot, session.filters);
  session.outbox.reset();
  *session.stored = {.self = session.stored->self, .watched = session.stored->watched};
}

std::uint8_t Registry::subscribe(Handle session, std::string_view filter, mqtt::Qos requested) {
  constexpr std::uint8_t kFailure = 0x80;
  Session& known = *sessions_.find(session);
  const mqtt::Qos granted = std::min(requested, mqtt::Qos::AtLeastOnce);  // no QoS 2 goes to devices
  const auto before = known.stored ? subscriptions_.granted(session.slot, filter) : std::nullopt;
  const std::size_t more = known.stored && !before ? filter.size() : 0;
  if (more != 0 && known.stored->filter_bytes + more > kStoredFilterBytes) return kFailure;
  if (!subscriptions_.add(session.slot, known.filters, filter, granted, limits_.filters_per_session)) return kFailure;
  if (known.stored && before != granted) {
    known.stored->filter_bytes += more;
    known.stored->filters_changed = true;
  }
  return static_cast<std::uint8_t>(granted);
}

void Registry::unsubscribe(Handle session, std::string_view filter) {
  Session& known = *sessions_.find(session);
  if (subscriptions_.remove(session.slot, known.filters, filter) && known.stored) {
    known.stored->filter_bytes -= filter.size();
    known.stored->filters_changed = true;
  }
}

bool Registry::is_live(StoredSession& stored, Position position) {
  const auto partition = static_cast<std::size_t>(position.partition);  // -1 is beyond all
  if (partition < stored.from.size() && position.offset < stored.from[partition]) return false;
  watch(stored);
  return true;
}

void Registry::watch(StoredSession& stored) {
  if (!std::exchange(stored.watched, true)) watched_.push_back(stored.self);
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
    if (!session.stored) ++expired;  // else it goes on elsewhere
    erase(handle);
  });
  return expired;
}

void Registry::erase(Handle session) {
  Session& known = *sessions_.find(session);
  subscriptions_.clear(session.slot, known.filters);
  by_client_id_.erase(known.client_id);
  if (!known.clean_session) counters_[OutboxEvent::Persistent].sub();
  sessions_.erase(session);
}

}  // namespace mqttproxy::session
