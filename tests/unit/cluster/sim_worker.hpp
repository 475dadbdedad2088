// The worker of a simulated node: serves sessions as net does, with scripted connections instead of sockets.
#pragma once

#include <array>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "mqttproxy/cluster/session_store.hpp"

#include "sim_clients.hpp"

namespace mqttproxy::cluster::sim {

class Worker final : public OwnerPort {
 public:
  static constexpr std::size_t kWindow = 3;

  struct Owed {
    Reference at;
    bool sent = false;      // on this connection
    bool received = false;  // and the client may acknowledge it
  };
  struct Connection {
    Seat seat;
    ClientNumber client = 0;
    bool clean = true;
    bool live = false;  // CONNACK was sent
    std::vector<Filter> filters;
    std::vector<Owed> owed;          // in their order
    std::vector<Owed> held;          // messages that came during the recovery
    std::vector<Reference> missing;  // of the recovery: not here yet
    std::vector<Reference> stored;   // as the store knows them, sorted
    Offsets from;                    // what is before it is not for delivery live
    bool recovering = false;
    mqtt::PacketId last_id = 0;
    std::deque<Subscription> packets;     // received
    std::optional<Subscription> storing;  // waits for on_stored()
    std::uint64_t token = 0;
  };

  /// All must outlive it.
  Worker(SessionStore& store, Clients& clients, const Time& time, Offsets position)
      : store_(store),
        clients_(clients),
        time_(time),
        position_(std::move(position)),
        trailing_{position_, position_} {}

  // Events from outside.
  void connect(ClientNumber client, ConnectionId id, bool clean);
  void receive(ConnectionId id, const Subscription& subscription);
  /// The end of a connection is noticed.
  void notice(ConnectionId id);
  void push(const downlink::MessagePtr& message) { stream_.push_back(message); }

  // What it does, bit by bit.
  /// Handles the oldest call that was posted to it.
  void turn();
  void take_message();
  void take_packet(ConnectionId id);
  void send(ConnectionId id);
  /// The client acknowledges the `index`th message of those it has received.
  void acknowledge(ConnectionId id, std::size_t index);

  [[nodiscard]] const std::map<ConnectionId, Connection>& connections() const noexcept { return connections_; }
  [[nodiscard]] bool has_turn() const noexcept { return !inbox_.empty(); }
  [[nodiscard]] bool has_message() const noexcept { return !stream_.empty(); }
  [[nodiscard]] static bool has_packet(const Connection& connection) noexcept {
    return connection.live && !connection.packets.empty() && !connection.storing && !connection.recovering;
  }
  [[nodiscard]] static bool may_send(const Connection& connection) noexcept {
    return next_to_send(connection) != nullptr;
  }
  [[nodiscard]] static std::size_t received(const Connection& connection) noexcept;

  // OwnerPort
  void on_claimed(Seat seat, Claimed claimed) override;
  void on_stored(Seat seat, std::uint64_t token) override;
  void on_lost(Seat seat, Loss loss) override;
  void on_recovered(Seat seat, std::vector<Recovered> messages, bool complete) override;
  void on_collect(std::uint64_t round) override;

 private:
  [[nodiscard]] static const Owed* next_to_send(const Connection& connection) noexcept;
  void post_to(Seat seat, std::function<void(Connection&)> call);
  void take_up(Connection& connection, Cut cut);
  void change(Connection& connection, const Subscription& subscription);
  [[nodiscard]] static std::vector<Reference> references(const Connection& connection);
  [[nodiscard]] Cut cut(Connection& connection) const;
  void report(Connection& connection, Progress& progress) const;

  SessionStore& store_;
  Clients& clients_;
  const Time& time_;
  std::map<ConnectionId, Connection> connections_;
  std::deque<std::function<void()>> inbox_;
  std::deque<downlink::MessagePtr> stream_;
  Offsets position_;
  std::array<Offsets, 2> trailing_;  // positions of the last rounds
};

}  // namespace mqttproxy::cluster::sim
