#include "sim_worker.hpp"

#include <algorithm>

namespace mqttproxy::cluster::sim {

namespace {

bool is_behind(const Offsets& from, const Offsets& to) {
  for (std::size_t p = 0; p < to.size(); ++p) {
    if (offset_in(from, static_cast<std::int32_t>(p)) < to[p]) return true;
  }
  return false;
}

bool has_filter(const std::vector<Filter>& filters, FilterNumber number) {
  return std::ranges::find(filters, kFilters[number], &Filter::text) != filters.end();
}

}  // namespace

// ---- connections ---------------------------------------------------------------------------------------------------

void Worker::connect(ClientNumber client, ConnectionId id, bool clean) {
  Connection& connection = connections_[id];
  connection.seat = {0, id};
  connection.client = client;
  connection.clean = clean;
  store_.claim(connection.seat, {std::string(kProxy), std::to_string(client), clean, time_.expiry, time_.steady()});
}

void Worker::receive(ConnectionId id, const Subscription& subscription) {
  if (const auto it = connections_.find(id); it != connections_.end()) it->second.packets.push_back(subscription);
}

void Worker::notice(ConnectionId id) {
  Connection& connection = connections_.at(id);
  std::optional<Cut> owed;
  if (connection.live && !connection.clean) owed = cut(connection);
  store_.release(connection.seat, std::move(owed));
  clients_.closed(connection.client, id);
  connections_.erase(id);
}

void Worker::turn() {
  const auto call = std::move(inbox_.front());
  inbox_.pop_front();
  call();
}

void Worker::post_to(Seat seat, std::function<void(Connection&)> call) {
  inbox_.emplace_back([this, seat, run = std::move(call)] {
    if (const auto it = connections_.find(seat.connection); it != connections_.end()) run(it->second);
  });
}

void Worker::on_claimed(Seat seat, Claimed claimed) {
  post_to(seat, [this, moved = std::move(claimed)](Connection& connection) {
    connection.live = true;
    clients_.connack(connection.client, connection.seat.connection, connection.clean, moved.session_present);
    if (!connection.clean) take_up(connection, moved.cut);
  });
}

void Worker::on_lost(Seat seat, Loss) {
  post_to(seat, [this](Connection& connection) {
    clients_.closed(connection.client, connection.seat.connection);
    connections_.erase(connection.seat.connection);
  });
}

void Worker::take_up(Connection& connection, Cut cut) {
  connection.filters = cut.filters;
  connection.stored = cut.references;
  std::ranges::sort(connection.stored);
  connection.from = cut.from;
  connection.recovering = !cut.references.empty() || (!cut.filters.empty() && is_behind(cut.from, position_));
  if (!connection.recovering) return;
  connection.missing = cut.references;
  store_.recover(connection.seat, {std::move(cut.filters), std::move(cut.references), std::move(cut.from), position_});
}

void Worker::on_recovered(Seat seat, std::vector<Recovered> messages, bool complete) {
  post_to(seat, [moved = std::move(messages), complete](Connection& connection) {
    for (const Recovered& found : moved) {
      connection.owed.push_back({{found.message->partition, found.message->offset, found.packet_id}});
      connection.last_id = std::max(connection.last_id, found.packet_id);
      std::erase_if(connection.missing, [&](const Reference& each) {
        return each.partition == found.message->partition && each.offset == found.message->offset;
      });
    }
    if (!complete) return;
    if (!connection.missing.empty()) throw Violation{"a reference was not found"};
    connection.owed.insert(connection.owed.end(), connection.held.begin(), connection.held.end());
    connection.held.clear();
    connection.recovering = false;
  });
}

// ---- subscriptions -------------------------------------------------------------------------------------------------

void Worker::take_packet(ConnectionId id) {
  Connection& connection = connections_.at(id);
  const Subscription asked = connection.packets.front();
  connection.packets.pop_front();
  const bool has = has_filter(connection.filters, asked.filter);
  if (has != asked.subscribe) change(connection, asked);
  if (connection.clean || has == asked.subscribe) {
    return clients_.suback(connection.client, id, connection.clean, asked);
  }
  connection.storing = asked;
  store_.store(connection.seat, cut(connection), ++connection.token);
}

void Worker::change(Connection& connection, const Subscription& subscription) {
  const std::string text(kFilters[subscription.filter]);
  if (subscription.subscribe) {
    const auto place = std::ranges::lower_bound(connection.filters, text, {}, &Filter::text);  // as records have them
    connection.filters.insert(place, {text, mqtt::Qos::AtLeastOnce});
  } else {
    std::erase_if(connection.filters, [&](const Filter& filter) { return filter.text == text; });
  }
}

void Worker::on_stored(Seat seat, std::uint64_t token) {
  post_to(seat, [this, token](Connection& connection) {
    if (!connection.storing || connection.token != token) throw Violation{"stored, and nothing waits for it"};
    clients_.suback(connection.client, connection.seat.connection, connection.clean, *connection.storing);
    connection.storing.reset();
  });
}

// ---- messages ------------------------------------------------------------------------------------------------------

void Worker::take_message() {
  const downlink::MessagePtr message = std::move(stream_.front());
  stream_.pop_front();
  position_[static_cast<std::size_t>(message->partition)] = message->offset + 1;
  for (auto& [id, connection] : connections_) {
    const auto is_for = [&](const Filter& filter) { return filter.text == "+" || filter.text == message->topic; };
    if (!connection.live || std::ranges::none_of(connection.filters, is_for)) continue;
    if (message->offset < offset_in(connection.from, message->partition)) continue;  // rule 7
    (connection.recovering ? connection.held : connection.owed).push_back({{message->partition, message->offset, 0}});
  }
}

const Worker::Owed* Worker::next_to_send(const Connection& connection) noexcept {
  const auto it = std::ranges::find(connection.owed, false, &Owed::sent);
  if (it == connection.owed.end()) return nullptr;
  const auto in_flight = static_cast<std::size_t>(it - connection.owed.begin());
  return it->at.packet_id != 0 || in_flight < kWindow ? &*it : nullptr;
}

std::size_t Worker::received(const Connection& connection) noexcept {
  return static_cast<std::size_t>(std::ranges::count(connection.owed, true, &Owed::received));
}

void Worker::send(ConnectionId id) {
  Connection& connection = connections_.at(id);
  Owed& owed = connection.owed[static_cast<std::size_t>(next_to_send(connection) - connection.owed.data())];
  owed.sent = true;
  if (owed.at.packet_id == 0) owed.at.packet_id = ++connection.last_id;
  owed.received = clients_.publish(connection.client, id, owed.at);
}

void Worker::acknowledge(ConnectionId id, std::size_t index) {
  std::vector<Owed>& owed = connections_.at(id).owed;
  auto it = owed.begin();
  for (;; ++it) {
    if (it->received && index-- == 0) break;
  }
  owed.erase(it);
}

// ---- cuts ----------------------------------------------------------------------------------------------------------

std::vector<Reference> Worker::references(const Connection& connection) {
  std::vector<Reference> references;
  for (const auto* list : {&connection.owed, &connection.held}) {
    for (const Owed& owed : *list) {
      // During a recovery: what is not before the cut will be found again.
      const bool again = connection.recovering && owed.at.offset >= offset_in(connection.from, owed.at.partition);
      if (!again) references.push_back(owed.at);
    }
  }
  references.insert(references.end(), connection.missing.begin(), connection.missing.end());
  return references;
}

Cut Worker::cut(Connection& connection) const {
  Cut cut{connection.filters, references(connection), connection.from};
  connection.stored = cut.references;
  std::ranges::sort(connection.stored);
  if (connection.recovering) return cut;
  cut.from.resize(std::max(cut.from.size(), position_.size()));
  for (std::size_t p = 0; p < position_.size(); ++p) cut.from[p] = std::max(cut.from[p], position_[p]);
  return cut;
}

void Worker::on_collect(std::uint64_t round) {
  inbox_.emplace_back([this, round] {
    Progress progress;
    const Offsets trailing = std::exchange(trailing_[0], std::exchange(trailing_[1], position_));
    progress.position = round % 2 == 0 ? position_ : trailing;  // any that is not ahead will do
    for (auto& [id, connection] : connections_) {
      if (connection.live && !connection.clean) report(connection, progress);
    }
    store_.report(0, round, std::move(progress));
  });
}

void Worker::report(Connection& connection, Progress& progress) const {
  if (connection.recovering) {
    if (is_behind(connection.from, progress.position)) progress.behind.push_back(connection.seat);
  } else if (!is_behind(position_, connection.from)) {
    connection.from.clear();
  }
  std::vector<Reference> owed = references(connection);
  std::ranges::sort(owed);
  const auto is_unknown = [&](const Reference& reference) {  // rule 4
    return reference.offset < offset_in(progress.position, reference.partition) &&
           !std::ranges::binary_search(connection.stored, reference);
  };
  if (std::ranges::any_of(owed, is_unknown) || !std::ranges::includes(owed, connection.stored)) {
    progress.changed.emplace_back(connection.seat, cut(connection));
  }
}

}  // namespace mqttproxy::cluster::sim
