// What can happen in a simulated cluster, and its happening.
#include <algorithm>
#include <array>

#include "sim_world.hpp"

namespace mqttproxy::cluster::sim {

// ---- what can happen -----------------------------------------------------------------------------------------------

void World::add_all() {
  add_internal();
  for (std::size_t i = 0; i < places_.size(); ++i) add_faults(i, places_[i]);
  add_clients();
  for (std::size_t topic = 0; topic < kTopics.size(); ++topic) actions_.push_back({Do::Publish, 0, topic, 40});
  for (std::size_t p = 0; p < shared_.sessions.size(); ++p) actions_.push_back({Do::Compact, 0, p, 10});
  actions_.push_back({Do::Elapse, 0, 1 + below(3), 20});
  actions_.push_back({Do::Elapse, 0, kSilence, 10});
  if (is_quiet()) actions_.push_back({Do::Elapse, 0, 3'601, 10});
}

void World::add_internal() {
  actions_.clear();
  for (std::size_t i = 0; i < places_.size(); ++i) {
    if (places_[i].runs()) add_internal(i, *places_[i].node);
  }
}

void World::add_internal(std::size_t number, Node& node) {
  for (std::size_t p = 0; p < shared_.sessions.size(); ++p) {
    if (node.has_write(p)) actions_.push_back({Do::Flush, number, p, 80});
    if (node.next(p) < shared_.sessions[p].end()) actions_.push_back({Do::Read, number, p, 100});
    if (node.assigned(p) != (coordinators_[p] == number)) actions_.push_back({Do::Learn, number, p, 40});
  }
  for (std::size_t p = 0; p < shared_.downlink.size(); ++p) {
    const bool more = node.consumed(p) < static_cast<std::int64_t>(shared_.downlink[p].size());
    if (more) actions_.push_back({Do::Consume, number, p, 60});
  }
  for (const auto& [partition, range] : node.ranges()) {
    actions_.push_back({Do::ReadRange, number, static_cast<std::uint64_t>(partition), 60});
  }
  if (node.has_turn()) actions_.push_back({Do::Turn, number, 0, 100});
  if (node.worker().has_turn()) actions_.push_back({Do::WorkerTurn, number, 0, 100});
  if (node.worker().has_message()) actions_.push_back({Do::WorkerMessage, number, 0, 80});
  for (const auto& [id, connection] : node.worker().connections()) add_connection(number, connection);
}

void World::add_connection(std::size_t number, const Worker::Connection& connection) {
  const ConnectionId id = connection.seat.connection;
  if (notices_ && clients_.current(connection.client) != id) actions_.push_back({Do::Notice, number, id, 20});
  if (Worker::has_packet(connection)) actions_.push_back({Do::Packet, number, id, 60});
  if (Worker::may_send(connection)) actions_.push_back({Do::Send, number, id, 80});
  if (Worker::received(connection) != 0) actions_.push_back({Do::Acknowledge, number, id, 60});
}

void World::add_faults(std::size_t number, const Place& place) {
  if (place.node == nullptr) return actions_.push_back({Do::Restart, number, 0, 20});
  if (place.paused) return actions_.push_back({Do::Resume, number, 0, 20});
  actions_.push_back({Do::Crash, number, 0, 8});
  actions_.push_back({Do::Pause, number, 0, 12});
  actions_.push_back({Do::Tick, number, 0, 16});
  actions_.push_back({Do::Round, number, 0, 20});
  actions_.push_back({Do::Stewards, number, 0, 10});
  actions_.push_back({Do::WriteOn, number, 0, 30});
  actions_.push_back({Do::Expire, number, 0, 6});
  for (std::size_t p = 0; p < shared_.sessions.size(); ++p) {
    if (place.node->has_write(p)) actions_.push_back({Do::LoseWrite, number, p, 2});
    if (coordinators_[p] != number) actions_.push_back({Do::Rebalance, number, p, 6});
  }
}

void World::add_clients() {
  for (ClientNumber client = 0; client < size_.clients; ++client) {
    const bool connected = clients_.current(client) != 0;
    for (const std::size_t node : running()) {
      actions_.push_back({Do::Connect, client, node, connected ? 4U : 24U});
      actions_.push_back({Do::ConnectClean, client, node, 4});
      actions_.push_back({Do::Delete, client, node, 1});
    }
    if (!connected) continue;
    actions_.push_back({Do::Drop, client, 0, 8});
    if (!clients_.connected(client)) continue;
    for (FilterNumber filter = 0; filter < kFilters.size(); ++filter) {
      actions_.push_back({Do::Subscribe, client, filter, 10});
      actions_.push_back({Do::Unsubscribe, client, filter, 3});
    }
  }
}

/// Nobody has a record under way: an hour may pass, which is more than any is.
bool World::is_quiet() const {
  return std::ranges::all_of(places_, [this](const Place& place) {
    if (place.node == nullptr) return true;
    for (std::size_t p = 0; p < shared_.sessions.size(); ++p) {
      if (place.node->has_write(p)) return false;
    }
    return !place.paused;
  });
}

// ---- and happens ---------------------------------------------------------------------------------------------------

void World::act(Do what, std::size_t who, std::uint64_t which) {
  trace_.push_back({what, who, which, 0});
  switch (what) {
    case Do::Crash: {
      for (const auto& [id, connection] : places_[who].node->worker().connections()) {
        clients_.closed(connection.client, id);
      }
      places_[who] = {};
      return;
    }
    case Do::Restart:
      places_[who].node = std::make_unique<Node>("n" + std::to_string(who), shared_, clients_);
      return;
    case Do::Pause:
      places_[who].paused = true;
      return;
    case Do::Resume:
      places_[who].paused = false;
      return;
    case Do::Rebalance:
      coordinators_[which] = who;
      return;
    case Do::Compact:
      return compact(which);
    case Do::Elapse:
      shared_.time.passed += std::chrono::seconds(which);
      return clients_.elapse(std::chrono::seconds(which), shared_.time.expiry);
    case Do::Publish:
      return publish(which);
    case Do::Connect:
    case Do::ConnectClean:
    case Do::Drop:
    case Do::Subscribe:
    case Do::Unsubscribe:
    case Do::Delete:
      return act_by_client(what, who, which);
    default:
      return act_by_itself(what, *places_[who].node, which);
  }
}

void World::act_by_itself(Do what, Node& node, std::uint64_t which) {
  switch (what) {
    case Do::Flush:
      return flush(node, which);
    case Do::LoseWrite:
      return node.lose_write(which);
    case Do::Read:
      return node.read(which);
    case Do::Consume:
      return node.consume(which);
    case Do::ReadRange:
      return node.read_range(static_cast<std::int32_t>(which), static_cast<std::int64_t>(1 + below(3)));
    case Do::Turn:
      return node.turn();
    case Do::WorkerTurn:
      return node.worker().turn();
    case Do::WorkerMessage:
      return node.worker().take_message();
    case Do::Learn:
      return node.assign(which, !node.assigned(which));
    case Do::Notice:
      return node.worker().notice(which);
    case Do::Packet:
      return node.worker().take_packet(which);
    case Do::Send:
      return node.worker().send(which);
    case Do::Acknowledge:
      return node.worker().acknowledge(which, below(Worker::received(node.worker().connections().at(which))));
    case Do::Tick:
      return node.tick();
    case Do::Round:
      return node.begin_round();
    case Do::Stewards:
      return node.write_stewards();
    case Do::WriteOn:
      return node.go_on_writing();
    default:
      return node.expire();
  }
}

void World::act_by_client(Do what, ClientNumber client, std::uint64_t which) {
  switch (what) {
    case Do::Connect:
    case Do::ConnectClean:
      return connect(client, which, what == Do::ConnectClean);
    case Do::Drop:
      return clients_.drop(client);
    case Do::Delete:
      clients_.remove(client);
      return places_[which].node->remove(client);
    default:
      return ask(client, which, what == Do::Subscribe);
  }
}

void World::flush(Node& node, std::size_t partition) {
  const auto [key, record] = node.flush(partition);
  const auto* claim = std::get_if<Claim>(&record);
  if (claim == nullptr || !claim->deletion) return;
  clients_.remove(std::stoul(std::string(split_client_name(key.name).client_id)));
}

void World::compact(std::size_t partition) {
  std::int64_t limit = shared_.sessions[partition].end();
  for (const Place& place : places_) {
    if (place.node != nullptr) limit = std::min(limit, place.node->next(partition));
  }
  shared_.sessions[partition].compact(limit);
}

void World::connect(ClientNumber client, std::size_t node, bool clean) {
  clients_.connect(client, ++last_connection_, clean);
  places_[node].node->worker().connect(client, last_connection_, clean);
}

void World::ask(ClientNumber client, FilterNumber filter, bool subscribe) {
  const Subscription asked = clients_.ask(client, filter, subscribe);
  for (const Place& place : places_) {
    if (place.node != nullptr) place.node->worker().receive(clients_.current(client), asked);
  }
}

void World::publish(std::size_t topic) {
  const std::size_t partition = topic % shared_.downlink.size();
  auto message = std::make_shared<downlink::Message>();
  message->proxy = kProxy;
  message->topic = kTopics[topic];
  message->qos = mqtt::Qos::AtLeastOnce;
  message->partition = static_cast<std::int32_t>(partition);
  message->offset = static_cast<std::int64_t>(shared_.downlink[partition].size());
  shared_.downlink[partition].push_back(std::move(message));
}

std::string World::trace() const {
  static constexpr std::array<const char*, static_cast<std::size_t>(Do::Count_)> kNames = {
      "flush",  "read",       "consume",       "read range", "turn",      "worker turn", "worker message", "learn",
      "notice", "packet",     "send",          "ack",        "tick",      "round",       "stewards",       "write on",
      "expire", "lose write", "crash",         "restart",    "pause",     "resume",      "rebalance",      "compact",
      "elapse", "connect",    "connect clean", "drop",       "subscribe", "unsubscribe", "delete",         "publish"};
  std::string text;
  for (const Action& action : trace_) {
    text.append(kNames[static_cast<std::size_t>(action.what)]).append(" ").append(std::to_string(action.who));
    text.append(" ").append(std::to_string(action.which)).append("\n");
  }
  return text;
}

}  // namespace mqttproxy::cluster::sim
