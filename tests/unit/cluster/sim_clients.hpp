// The clients of a simulated cluster, and what was promised to them.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sim_log.hpp"

namespace mqttproxy::cluster::sim {

using ClientNumber = std::size_t;
using ConnectionId = std::uint64_t;  // 0: none; of all nodes
using FilterNumber = std::size_t;

inline constexpr std::string_view kProxy = "p";
inline constexpr std::array<std::string_view, 2> kTopics = {"a", "b"};
inline constexpr std::array<std::string_view, 3> kFilters = {"a", "b", "+"};  // overlapping ones among them

[[nodiscard]] inline bool matches(FilterNumber filter, std::string_view topic) {
  return kFilters[filter] == "+" || kFilters[filter] == topic;
}

struct Subscription {
  FilterNumber filter = 0;
  bool subscribe = true;  // else: UNSUBSCRIBE
  std::uint64_t number = 0;
};

/// Every client has one connection at most that it knows of; older ones may be open on nodes that have not noticed.
class Clients {
 public:
  Clients(std::size_t count, const Downlink& downlink) : downlink_(downlink), clients_(count) {}

  // What clients do.
  void connect(ClientNumber client, ConnectionId connection, bool clean);
  void drop(ClientNumber client) { clients_[client].current = 0; }
  [[nodiscard]] Subscription ask(ClientNumber client, FilterNumber filter, bool subscribe);
  /// A deletion was asked for, or its claim has come into the log: what was promised before does not hold, and nothing
  /// is promised on this connection any more.
  void remove(ClientNumber client);
  /// Sessions whose clients have not connected for `expiry` may be over: a node may have been taken for dead.
  void elapse(std::chrono::seconds passed, std::chrono::seconds expiry);

  // What comes to them.
  void connack(ClientNumber client, ConnectionId connection, bool clean, bool session_present);
  void suback(ClientNumber client, ConnectionId connection, bool clean, const Subscription& subscription);
  /// False: nobody is there any more.
  bool publish(ClientNumber client, ConnectionId connection, const Reference& at);
  void closed(ClientNumber client, ConnectionId connection);

  [[nodiscard]] ConnectionId current(ClientNumber client) const { return clients_[client].current; }
  [[nodiscard]] bool connected(ClientNumber client) const { return clients_[client].connected; }
  [[nodiscard]] std::size_t size() const noexcept { return clients_.size(); }
  [[nodiscard]] bool is_promised(ClientNumber client) const { return !clients_[client].promised.empty(); }
  /// Throws Violation when a message is missing.
  void check_complete(ClientNumber client) const;
  [[nodiscard]] std::uint64_t deliveries() const noexcept { return deliveries_; }
  [[nodiscard]] std::uint64_t repeated() const noexcept { return repeated_; }

 private:
  using Place = std::pair<std::int32_t, std::int64_t>;
  struct Client {
    ConnectionId current = 0;
    bool connected = false;
    bool removed = false;
    std::chrono::seconds connected_ago{0};
    bool may_be_over = false;
    std::map<FilterNumber, Offsets> promised;                          // from where on
    std::set<FilterNumber> asked;                                      // since the session began
    std::map<FilterNumber, std::uint64_t> wanted;                      // the last SUBSCRIBE of this connection
    std::map<FilterNumber, std::map<std::int32_t, std::int64_t>> top;  // the latest message of each partition
    std::set<Place> got;
    std::set<Place> got_here;  // on this connection
  };

  const Downlink& downlink_;
  std::vector<Client> clients_;
  std::uint64_t subscriptions_ = 0;
  std::uint64_t deliveries_ = 0;
  std::uint64_t repeated_ = 0;
};

}  // namespace mqttproxy::cluster::sim
