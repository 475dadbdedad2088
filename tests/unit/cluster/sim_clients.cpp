#include "sim_clients.hpp"

#include <algorithm>
#include <utility>

namespace mqttproxy::cluster::sim {

void Clients::connect(ClientNumber number, ConnectionId connection, bool clean) {
  Client& client = clients_[number];
  client.current = connection;
  client.connected = false;
  client.removed = false;
  client.wanted.clear();
  client.got_here.clear();
  if (clean) client.promised.clear();
}

Subscription Clients::ask(ClientNumber number, FilterNumber filter, bool subscribe) {
  Client& client = clients_[number];
  const Subscription asked{filter, subscribe, ++subscriptions_};
  if (subscribe) {
    client.asked.insert(filter);
    client.wanted[filter] = asked.number;
    if (!client.promised.contains(filter)) client.top.erase(filter);
  } else {
    client.promised.erase(filter);
    client.wanted.erase(filter);
  }
  return asked;
}

void Clients::remove(ClientNumber number) {
  Client& client = clients_[number];
  client.promised.clear();
  client.removed = true;
}

void Clients::elapse(std::chrono::seconds passed, std::chrono::seconds expiry) {
  for (Client& client : clients_) {
    client.connected_ago += passed;
    if (client.connected_ago >= expiry) client.may_be_over = true;
  }
}

void Clients::connack(ClientNumber number, ConnectionId connection, bool clean, bool session_present) {
  Client& client = clients_[number];
  if (client.current != connection) return;
  client.connected = true;
  client.connected_ago = {};
  const bool may_be_over = std::exchange(client.may_be_over, false);
  if (session_present) return;
  if (!clean && !client.promised.empty() && !may_be_over)
    throw Violation{"session lost: CONNACK without one, though it was promised"};
  client.promised.clear();
  client.asked.clear();
  client.top.clear();
}

void Clients::suback(ClientNumber number, ConnectionId connection, bool clean, const Subscription& subscription) {
  Client& client = clients_[number];
  if (client.current != connection || client.removed || clean || !subscription.subscribe) return;
  const auto wanted = client.wanted.find(subscription.filter);
  if (wanted == client.wanted.end() || wanted->second != subscription.number) return;
  client.promised.emplace(subscription.filter, ends(downlink_));
}

bool Clients::publish(ClientNumber number, ConnectionId connection, const Reference& at) {
  Client& client = clients_[number];
  if (client.current != connection) return false;
  const Place place{at.partition, at.offset};
  const auto& partition = downlink_[static_cast<std::size_t>(at.partition)];
  const downlink::Message& message = *partition[static_cast<std::size_t>(at.offset)];
  const std::string name = message.topic + " " + std::to_string(place.first) + ":" + std::to_string(place.second);
  const auto is_for = [&](FilterNumber filter) { return matches(filter, message.topic); };
  if (std::ranges::none_of(client.asked, is_for)) throw Violation{"ghost: no subscription of this session: " + name};
  if (!client.got_here.insert(place).second) throw Violation{"twice on one connection: " + name};
  ++deliveries_;
  const bool repeated = !client.got.insert(place).second;
  if (repeated) ++repeated_;
  for (FilterNumber filter = 0; filter < kFilters.size(); ++filter) {
    if (!is_for(filter)) continue;
    std::int64_t& top = client.top[filter].try_emplace(place.first, -1).first->second;
    if (!repeated && place.second < top && client.promised.contains(filter)) {
      throw Violation{"order: first sight of " + name + " after a later one"};
    }
    top = std::max(top, place.second);
  }
  return true;
}

void Clients::closed(ClientNumber number, ConnectionId connection) {
  if (clients_[number].current == connection) clients_[number].current = 0;
}

void Clients::check_complete(ClientNumber number) const {
  const Client& client = clients_[number];
  for (const auto& [filter, from] : client.promised) {
    for (const auto& partition : downlink_) {
      for (const downlink::MessagePtr& message : partition) {
        if (message->offset < offset_in(from, message->partition) || !matches(filter, message->topic)) continue;
        if (client.got.contains({message->partition, message->offset})) continue;
        throw Violation{"gap: client " + std::to_string(number) + " never gets " + message->topic + " " +
                        std::to_string(message->partition) + ":" + std::to_string(message->offset)};
      }
    }
  }
}

}  // namespace mqttproxy::cluster::sim
