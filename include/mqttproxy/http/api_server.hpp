// The daemon's HTTP side: publishing to devices, their sessions, health and metrics. cpp-httplib stays behind this
// interface. docs/HTTP_API.md and docs/openapi.yaml say what it answers.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "mqttproxy/config/config.hpp"
#include "mqttproxy/downlink/bus.hpp"
#include "mqttproxy/downlink/session_directory.hpp"
#include "mqttproxy/metrics/metrics.hpp"

namespace mqttproxy::http {

/// Why the daemon is not ready; empty when it is. Called on HTTP threads.
using Readiness = std::function<std::vector<std::string>()>;

/// What is behind the API. Called on HTTP threads.
struct Backends {
  downlink::Bus& bus;
  downlink::SessionDirectory& sessions;
  std::vector<std::string> proxies;  // names of the MQTTProxy objects
  std::uint16_t max_topic_bytes = 4'096;
  std::uint16_t max_topic_levels = 128;
  /// Why the process is of no more use; empty while it is. Without it /healthz always says that it lives.
  std::function<std::string()> reason_not_alive{};
};

/// Life: construct → start() → stop(). What it is given outlives it. HTTP threads touch nothing else.
class ApiServer {
 public:
  ApiServer(const config::ApiConfig& config, metrics::Registry& metrics, Readiness readiness, Backends backends);
  ~ApiServer();
  ApiServer(const ApiServer&) = delete;
  ApiServer& operator=(const ApiServer&) = delete;

  /// Binds and serves in threads of its own. Throws std::runtime_error when the address cannot be bound.
  void start();
  /// Takes no more requests; those being answered have two seconds to get their answers. Returns when every thread has
  /// ended.
  void stop();
  [[nodiscard]] std::uint16_t port() const noexcept;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mqttproxy::http
