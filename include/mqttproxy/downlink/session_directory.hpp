// What there is to know, and to do, about sessions from outside their workers. Implemented by net; asked by http.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mqttproxy/mqtt/packets.hpp"

namespace mqttproxy::downlink {

struct SessionSummary {
  std::string client_id;
  std::string filter;  // the first (byte order) that contains the text asked for; empty when none was asked for
  bool connected = false;
  std::string node = {};  // that serves it, or did last
};

struct SessionFilter {
  std::string filter;
  mqtt::Qos granted = mqtt::Qos::AtMostOnce;
};

struct SessionDetail {
  std::string client_id;
  std::string node;
  bool clean_session = true;
  bool connected = false;
  // While connected:
  std::string address;  // of the peer, "192.0.2.1:50123"
  std::optional<std::string> username;
  std::uint16_t keep_alive = 0;  // seconds
  std::chrono::system_clock::time_point connected_since{};
  // While offline:
  std::chrono::system_clock::time_point expires_at{};

  std::vector<SessionFilter> filters;  // byte order
  std::size_t inflight = 0;            // QoS 1 messages sent and not acknowledged
  std::size_t queued = 0;              // messages that wait behind them
  std::size_t queued_bytes = 0;
};

/// One client's connection, as its worker sees it.
struct ConnectionDetail {
  std::string client_id;
  std::optional<std::string> username;
  std::string address;   // of the peer, "192.0.2.1:50123"
  std::string listener;  // our end of it; empty when the socket does not say any more
  std::string tls;       // the version, "TLSv1.3"; empty: plain TCP
  std::chrono::system_clock::time_point since{};
  std::uint16_t keep_alive = 0;  // seconds
  bool clean_session = true;
  // Control Packets and the bytes of MQTT, since it was accepted:
  std::uint64_t packets_in = 0;
  std::uint64_t packets_out = 0;
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  std::size_t unacked = 0;                 // PUBLISH packets of the client that have no final answer
  std::size_t inflight = 0;                // QoS 1 messages sent to it and not acknowledged
  std::size_t queued = 0;                  // messages that wait behind them
  std::size_t subscriptions = 0;           // topic filters
  std::vector<std::string_view> parked{};  // what it waits for while it is not read
};

struct ConnectionPage {
  std::vector<ConnectionDetail> connections;  // byte order of the client ids
  bool more = false;                          // there are others
};

/// Every call blocks until the workers have answered; not for worker threads. nullopt: the workers did not answer
/// within a bound, or the daemon stops.
class SessionDirectory {
 public:
  virtual ~SessionDirectory() = default;
  /// Sessions of the proxy, online or not, with a filter that contains `text` (every session when it is nullopt),
  /// in byte order of their client ids.
  [[nodiscard]] virtual std::optional<std::vector<SessionSummary>> list(std::string_view proxy,
                                                                        std::optional<std::string_view> text) = 0;
  struct Found {
    std::optional<SessionDetail> session;  // nullopt: no such client id
  };
  [[nodiscard]] virtual std::optional<Found> find(std::string_view proxy, std::string_view client_id) = 0;
  /// Disconnects the clients and drops their sessions. Returns how many there were; unknown ids are ignored.
  [[nodiscard]] virtual std::optional<std::size_t> remove(std::string_view proxy,
                                                          std::vector<std::string> client_ids) = 0;
  /// Up to `limit` connected clients of the proxy, on this node, whose client id, user name or address contains `text`:
  /// the first ones found, not the first ones by name. Workers stop when they have found as many.
  [[nodiscard]] virtual std::optional<ConnectionPage> connections(std::string_view proxy, std::string_view text,
                                                                  std::size_t limit) = 0;
};

}  // namespace mqttproxy::downlink
