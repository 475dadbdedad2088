// A one-thread MQTT server for tests that answers rightly or in one wrong way. What is published, by MQTT or by HTTP,
// goes to every subscriber.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
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
  RefusesSubscribe,      // SUBACK 0x80
  LosesDelivery,         // to the first subscriber
  RepeatsDelivery,       // to the first subscriber
  DeliversOtherPayload,  // with a number nobody published
  DeliversAtQos0,        // whatever was granted
  RefusesHttp,           // 400
  ClosesHttp,            // after the answer, and says so
};

/// Listens on 127.0.0.1 from construction to destruction, on one port for MQTT and one for HTTP.
class ScriptedServer {
 public:
  explicit ScriptedServer(Behaviour behaviour);
  ~ScriptedServer();
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  [[nodiscard]] std::uint16_t port() const { return mqtt_.port; }
  [[nodiscard]] std::uint16_t http_port() const { return http_.port; }
  /// Stops serving; afterwards the counters may be read.
  void stop();
  [[nodiscard]] std::uint64_t connects() const { return connects_; }
  [[nodiscard]] std::uint64_t publishes() const { return publishes_; }
  [[nodiscard]] std::uint64_t disconnects() const { return disconnects_; }
  [[nodiscard]] std::uint64_t pubacks() const { return pubacks_; }                   // from subscribers
  [[nodiscard]] const std::set<std::string>& requests() const { return requests_; }  // HTTP request lines
  [[nodiscard]] const std::map<std::string, int>& topics() const { return topics_; }

 private:
  struct Listener {
    Fd socket;
    std::uint16_t port = 0;
  };
  struct Connection {
    Fd socket;
    bool is_http = false;
    bool is_subscriber = false;
    std::string unread;
    std::string held_puback;
  };

  static Listener listen();
  void serve();
  void accept_one(const Listener& listener);
  bool read_from(Connection& connection);
  bool take_packet(Connection& connection, std::uint8_t first, const std::string& body);
  bool take_publish(Connection& connection, unsigned qos, const std::string& body);
  bool take_request(Connection& connection, const std::string& head, const std::string& body);
  void deliver(const std::string& topic, const std::string& payload, unsigned qos);
  void acknowledge(Connection& connection, const std::string& puback);

  Behaviour behaviour_;
  Listener mqtt_;
  Listener http_;
  Fd stop_;
  std::vector<Connection> connections_;
  std::uint64_t connects_ = 0;
  std::uint64_t publishes_ = 0;
  std::uint64_t disconnects_ = 0;
  std::uint64_t pubacks_ = 0;
  std::uint16_t next_id_ = 1;
  std::set<std::string> requests_;
  std::map<std::string, int> topics_;
  std::thread thread_;
};

}  // namespace mqttproxy::bench
