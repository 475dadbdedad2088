#include "sim_world.hpp"

#include <algorithm>
#include <array>
#include <numeric>

namespace mqttproxy::cluster::sim {

namespace {

/// More than any schedule needs to come to rest.
constexpr std::size_t kMostSteps = 20'000;
/// Sessions end while others are taken over, and nodes for dead.
constexpr std::chrono::seconds kShortExpiry{30};

}  // namespace

World::World(const Size& size, std::uint64_t seed)
    : size_(size), random_(seed), clients_(size.clients, shared_.downlink), places_(size.nodes) {
  shared_.sessions = std::vector<SessionsLog>(size.sessions_partitions);
  shared_.downlink.resize(size.downlink_partitions);
  if (below(3) == 0) shared_.time.expiry = kShortExpiry;
  shared_.memory_bytes = std::array<std::size_t, 3>{0, 500, 1U << 20U}[below(3)];
  for (unsigned& factor : liking_) factor = std::array<unsigned, 5>{1, 4, 4, 4, 16}[below(5)];
  coordinators_.assign(size.sessions_partitions, 0);
  for (std::size_t i = 0; i < places_.size(); ++i) act(Do::Restart, i);
}

void World::run() {
  if (below(4) != 0) start_with_promises();
  const std::size_t steps = size_.steps / 3 + below(size_.steps - size_.steps / 3);
  for (std::size_t i = 0; i < steps; ++i) {
    add_all();
    const Action next = pick(actions_);
    act(next.what, next.who, next.which);
  }
  finish();
}

void World::start_with_promises() {
  settle();
  for (ClientNumber client = 0; client < size_.clients; ++client) act(Do::Connect, client, below(size_.nodes));
  settle();
  for (ClientNumber client = 0; client < size_.clients; ++client) act(Do::Subscribe, client, 0);
  settle();
}

std::size_t World::weight(const Action& action) const {
  return action.weight * liking_[static_cast<std::size_t>(action.what)];
}

const World::Action& World::pick(const std::vector<Action>& actions) {
  const auto add = [this](std::size_t sum, const Action& action) { return sum + weight(action); };
  std::size_t left = below(std::accumulate(actions.begin(), actions.end(), std::size_t{0}, add));
  for (const Action& action : actions) {
    if (left < weight(action)) return action;
    left -= weight(action);
  }
  return actions.back();
}

/// Everything that is under way comes to an end.
void World::settle() {
  for (std::size_t i = 0; i < kMostSteps; ++i) {
    add_internal();
    if (actions_.empty()) return;
    const Action next = actions_[below(actions_.size())];
    act(next.what, next.who, next.which);
  }
  throw Violation{"it does not come to rest"};
}

/// Time enough passes for dead nodes to be fenced and for everything to be written.
void World::heal() {
  const auto all = [this](std::initializer_list<Do> steps) {
    for (const std::size_t number : running()) {
      for (const Do step : steps) act(step, number);
    }
    settle();
  };
  settle();
  all({Do::Tick, Do::Round});
  for (std::size_t passed = 0; passed <= kSilence; passed += kStep) {  // whoever is to judge hears itself all the while
    act(Do::Elapse, 0, kStep);
    all({Do::Round});
  }
  all({Do::Tick, Do::Expire});
  for (int i = 0; i < 3; ++i) all({Do::Round, Do::Stewards});  // two rounds later what is now is before the checkpoint
}

/// An hour later what the dead have said is taken away, and changes nothing.
void World::bury() {
  act(Do::Elapse, 0, 3'601);
  for (int i = 0; i < 2; ++i) {  // then what is said now is read back
    for (const Do step : {Do::Round, Do::Stewards, Do::Expire}) {
      for (const std::size_t number : running()) act(step, number);
      settle();
    }
  }
  check_offline();
}

std::vector<std::size_t> World::running() const {
  std::vector<std::size_t> numbers;
  for (std::size_t i = 0; i < places_.size(); ++i) {
    if (places_[i].runs()) numbers.push_back(i);
  }
  return numbers;
}

// ---- the end -------------------------------------------------------------------------------------------------------

void World::finish() {
  enum Ending { Goes_on, All_die, Stewards_work, Endings };
  const auto ending = static_cast<Ending>(below(Endings));
  for (std::size_t i = 0; i < places_.size(); ++i) {
    if (places_[i].paused) act(Do::Resume, i);
  }
  if (ending == All_die) {  // somebody reads the compacted topic from its beginning
    for (const std::size_t i : running()) act(Do::Crash, i);
    for (std::size_t p = 0; p < shared_.sessions.size(); ++p) act(Do::Compact, 0, p);
  }
  for (std::size_t i = 0; i < places_.size(); ++i) {
    if (places_[i].node == nullptr && (ending == Goes_on || i == 0 || below(2) == 0)) act(Do::Restart, i);
  }
  for (std::size_t p = 0; p < coordinators_.size(); ++p) {
    if (!places_[coordinators_[p]].runs()) act(Do::Rebalance, running()[below(running().size())], p);
  }
  settle();
  if (ending == Stewards_work) {
    for (ClientNumber client = 0; client < size_.clients; ++client) {
      if (below(2) == 0) act(Do::Drop, client);
    }
    heal();
    check_offline();
    if (below(2) == 0) bury();
    for (std::size_t p = 0; p < shared_.sessions.size(); ++p) act(Do::Compact, 0, p);
  }
  notices_ = false;  // rule 17: whoever is served twice is found out by the later claim alone
  for (std::size_t topic = 0; topic < kTopics.size(); ++topic) act(Do::Publish, 0, topic);
  for (ClientNumber client = 0; client < size_.clients; ++client) {
    if (clients_.current(client) != 0 && below(2) == 0) continue;
    act(Do::Connect, client, running()[below(running().size())]);
  }
  settle();
  check_clients();
}

/// The work of owners and stewards is done: nothing is left for whoever comes next.
void World::check_offline() {
  for (const SessionsLog& log : shared_.sessions) {
    if (!log.ignored().empty()) {
      throw Violation{"ignored, and the last record of its key: " + log.ignored().begin()->first};
    }
    for (const auto& [client, entry] : log.view().entries()) {
      if (entry.online) {
        if (!is_served(log.view(), client, entry))
          throw Violation{"claimed by a node that does not serve it: " + client};
      } else if (entry.session && log.view().cut(client, entry).from != ends(shared_.downlink)) {
        throw Violation{"offline, and the cut is not at the end: " + client};
      }
    }
  }
}

bool World::is_served(const View& view, const std::string& client, const Entry& entry) const {
  for (const Place& place : places_) {
    if (place.node == nullptr || place.node->life() != view.claim(entry).incarnation) continue;
    for (const auto& [id, connection] : place.node->worker().connections()) {
      if (client_name(kProxy, std::to_string(connection.client)) == client) return true;
    }
  }
  return false;
}

void World::check_clients() {
  for (ClientNumber client = 0; client < size_.clients; ++client) {
    std::size_t live = 0;
    for (const Place& place : places_) {
      if (place.node == nullptr) continue;
      for (const auto& [id, connection] : place.node->worker().connections()) {
        if (connection.client != client || !connection.live) continue;
        if (connection.storing || connection.recovering) throw Violation{"a client waits for ever"};
        ++live;
      }
    }
    if (clients_.current(client) == 0) throw Violation{"a client was disconnected, and nobody took its place"};
    if (live != 1) throw Violation{std::to_string(live) + " live connections of one client"};
    clients_.check_complete(client);
  }
}

}  // namespace mqttproxy::cluster::sim
