// A cluster of simulated nodes and its clients under a random schedule: everything happens in single steps whose order
// the seed decides. After it everything is healed and drained, and what was promised must have been kept.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "sim_node.hpp"

namespace mqttproxy::cluster::sim {

struct Size {
  std::size_t nodes = 2;
  std::size_t clients = 1;
  std::size_t downlink_partitions = 1;
  std::size_t sessions_partitions = 1;
  std::size_t steps = 20;  // at most, of the random part
};

/// Seconds after which a node that is silent is taken for dead, and one more.
inline constexpr std::uint64_t kSilence = 11;
inline constexpr std::uint64_t kStep = 2;  // seconds between two rounds

class World {
 public:
  World(const Size& size, std::uint64_t seed);

  /// Throws Violation.
  void run();
  /// What has been done, a line for each step.
  [[nodiscard]] std::string trace() const;
  [[nodiscard]] std::size_t steps() const noexcept { return trace_.size(); }
  [[nodiscard]] const Clients& clients() const noexcept { return clients_; }

 private:
  enum class Do : std::uint8_t {
    // What goes on by itself.
    Flush,
    Read,
    Consume,
    ReadRange,
    Turn,
    WorkerTurn,
    WorkerMessage,
    Learn,
    Notice,
    Packet,
    Send,
    Acknowledge,
    // What nodes do from time to time.
    Tick,
    Round,
    Stewards,
    WriteOn,
    Expire,
    // What happens to them.
    LoseWrite,
    Crash,
    Restart,
    Pause,
    Resume,
    Rebalance,
    Compact,
    Elapse,
    // What clients and backends do.
    Connect,
    ConnectClean,
    Drop,
    Subscribe,
    Unsubscribe,
    Delete,
    Publish,
    Count_,
  };
  struct Action {
    Do what = Do::Count_;
    std::size_t who = 0;  // node or client
    std::uint64_t which = 0;
    unsigned weight = 0;
  };
  struct Place {  // of a node
    std::unique_ptr<Node> node;
    bool paused = false;

    [[nodiscard]] bool runs() const noexcept { return node != nullptr && !paused; }
  };

  // sim_world.cpp
  void start_with_promises();
  void settle();
  void heal();
  void bury();
  void finish();
  void check_offline();
  void check_clients();
  [[nodiscard]] bool is_served(const View& view, const std::string& client, const Entry& entry) const;
  [[nodiscard]] const Action& pick(const std::vector<Action>& actions);
  [[nodiscard]] std::size_t weight(const Action& action) const;
  [[nodiscard]] std::size_t below(std::size_t count) { return random_() % count; }
  [[nodiscard]] std::vector<std::size_t> running() const;

  // sim_actions.cpp
  void add_all();
  void add_internal();
  void add_internal(std::size_t number, Node& node);
  void add_connection(std::size_t number, const Worker::Connection& connection);
  void add_faults(std::size_t number, const Place& place);
  void add_clients();
  void act(Do what, std::size_t who = 0, std::uint64_t which = 0);
  void act_by_itself(Do what, Node& node, std::uint64_t which);
  void act_by_client(Do what, ClientNumber client, std::uint64_t which);
  void flush(Node& node, std::size_t partition);
  void compact(std::size_t partition);
  void connect(ClientNumber client, std::size_t node, bool clean);
  void ask(ClientNumber client, FilterNumber filter, bool subscribe);
  void publish(std::size_t topic);
  [[nodiscard]] bool is_quiet() const;

  const Size size_;
  std::mt19937_64 random_;
  Shared shared_;
  Clients clients_;
  std::vector<Place> places_;
  std::vector<std::size_t> coordinators_;  // by sessions partition: the node the consumer group has assigned it to
  ConnectionId last_connection_ = 0;
  bool notices_ = true;                                                  // nodes notice that a client is gone
  std::array<unsigned, static_cast<std::size_t>(Do::Count_)> liking_{};  // a factor: each schedule has other habits
  std::vector<Action> actions_;                                          // those that are possible
  std::vector<Action> trace_;
};

}  // namespace mqttproxy::cluster::sim
