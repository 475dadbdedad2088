// The daemon's HTTP side: health and metrics. cpp-httplib stays behind this interface.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "mqttproxy/config/config.hpp"
#include "mqttproxy/metrics/metrics.hpp"

namespace mqttproxy::http {

/// Why the daemon is not ready; empty when it is. Called on HTTP threads.
using Readiness = std::function<std::vector<std::string>()>;

/// GET /healthz (200 while the process lives), GET /readyz (200, or 503 with {"ready":false,"reasons":[…]}),
/// GET /metrics (Prometheus text; needs the token when one is set), also below /apis/v1 and /apis/v2.
/// Life: construct → start() → stop(). HTTP threads touch nothing but the registry and the readiness function.
class ApiServer {
 public:
  ApiServer(const config::ApiConfig& config, const metrics::Registry& metrics, Readiness readiness);
  ~ApiServer();
  ApiServer(const ApiServer&) = delete;
  ApiServer& operator=(const ApiServer&) = delete;

  /// Binds and serves in a thread of its own. Throws std::runtime_error when the address cannot be bound.
  void start();
  void stop();
  [[nodiscard]] std::uint16_t port() const noexcept;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mqttproxy::http
