// cpp-httplib's server, with everything that clients send read and checked before it.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <utility>

#include <httplib.h>

#include "api.hpp"
#include "connection.hpp"
#include "counters.hpp"
#include "open_connections.hpp"
#include "settings.hpp"

namespace mqttproxy::http {

/// The library listens, accepts, calls the handler and writes responses. Requests are read by Connection: left to
/// itself the library runs the body of a refused request as the next request, takes chunked bodies and header fields
/// without limit, and answers one of several pipelined requests.
class Server final : public httplib::Server {
 public:
  Server(const CurrentSettings& settings, const Api& api, Counters& counters);

  [[nodiscard]] OpenConnections& connections() noexcept { return connections_; }

 private:
  bool process_and_close_socket(socket_t fd) override;
  void refuse(socket_t fd, bool tls);
  [[nodiscard]] bool open(Connection& connection, socket_t fd);
  void log_failed_handshake(const std::string& peer, const std::string& reason);
  [[nodiscard]] bool serve(Connection& connection);
  [[nodiscard]] std::string respond(Connection::Incoming& incoming, bool last);
  void handle(const httplib::Request& request, httplib::Response& response) const;
  void fail(const httplib::Request& request, httplib::Response& response, std::exception_ptr error);

  const CurrentSettings& settings_;
  const std::uint32_t max_connections_;
  const Api& api_;
  Counters& counters_;
  ConnectionLimits limits_;
  OpenConnections connections_;
  std::atomic<std::chrono::steady_clock::rep> next_log_{0};
};

}  // namespace mqttproxy::http
