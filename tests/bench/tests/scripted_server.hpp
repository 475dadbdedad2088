// A one-thread MQTT server for tests that answers rightly or in one wrong way.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "load/sockets.hpp"

namespace mqttproxy::bench {

enum class Behaviour : std::uint8_t {
  Correct,
  RefusesConnect,      // CONNACK 5
  SwapsPubacks,        // the second before the first
  RepeatsPuback,       // each one twice
  ForeignPuback,       // an id nobody used
  NeverAcknowledges,   // PUBLISH goes unanswered
  ClosesAfterConnack,  // in the middle of an idle session
  ClosesOnPublish,
};

/// Listens on 127.0.0.1 from construction to destruction.
class ScriptedServer {
 public:
  explicit ScriptedServer(Behaviour behaviour);
  ~ScriptedServer();
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  /// Stops serving; afterwards the counters may be read.
  void stop();
  [[nodiscard]] std::uint64_t connects() const { return connects_; }
  [[nodiscard]] std::uint64_t publishes() const { return publishes_; }
  [[nodiscard]] std::uint64_t disconnects() const { return disconnects_; }
  [[nodiscard]] const std::map<std::string, int>& topics() const { return topics_; }

 private:
  struct Connection {
    Fd socket;
    std::string unread;
    std::string held_puback;
  };

  void serve();
  void accept_one();
  bool read_from(Connection& connection);
  bool take_packet(Connection& connection, std::uint8_t first, const std::string& body);
  bool take_publish(Connection& connection, unsigned qos, const std::string& body);
  void acknowledge(Connection& connection, const std::string& puback);

  Behaviour behaviour_;
  Fd listener_;
  Fd stop_;
  std::uint16_t port_ = 0;
  std::vector<Connection> connections_;
  std::uint64_t connects_ = 0;
  std::uint64_t publishes_ = 0;
  std::uint64_t disconnects_ = 0;
  std::map<std::string, int> topics_;
  std::thread thread_;
};

}  // namespace mqttproxy::bench
