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
#include "mqttproxy/http/explanation.hpp"
#include "mqttproxy/metrics/metrics.hpp"
#include "mqttproxy/util/recent_log.hpp"

namespace mqttproxy::http {

/// Why the daemon is not ready; empty when it is. Called on HTTP threads.
using Readiness = std::function<std::vector<std::string>()>;

/// Reads the configuration again. The diagnostics say what became of it: it is in use exactly when they hold no error.
/// nullptr: the daemon is stopping.
using ReloadAction = std::function<std::shared_ptr<const config::Diagnostics>()>;

/// What would become of a PUBLISH, by the configuration in use. nullopt: not now. May wait for Kafka some seconds.
using ExplainAction = std::function<std::optional<Explanation>(const Question&)>;

/// What is behind the API. Called on HTTP threads.
struct Backends {
  downlink::Bus& bus;
  downlink::SessionDirectory& sessions;
  std::vector<std::string> proxies;  // names of the MQTTProxy objects
  ReloadAction reload;
  /// Why the process is of no more use; empty while it is. Without it /healthz always says that it lives.
  std::function<std::string()> reason_not_alive{};
  /// True while nothing may be published, because memory is above limits.maxMemory. Without it there is no limit.
  std::function<bool()> memory_full{};
  /// The configuration in use.
  std::function<std::shared_ptr<const config::Config>()> config{};
  ExplainAction explain{};
  const util::RecentLog* recent_log = nullptr;
};

/// Life: construct → start() → stop(). What it is given by reference outlives it. HTTP threads touch nothing else.
class ApiServer {
 public:
  /// Of the limits those of topic names. Throws std::runtime_error when there is no memory for TLS.
  ApiServer(const config::ApiConfig& config, const config::LimitsConfig& limits, metrics::Registry& metrics,
            Readiness readiness, Backends backends);
  ~ApiServer();
  ApiServer(const ApiServer&) = delete;
  ApiServer& operator=(const ApiServer&) = delete;

  /// Binds and serves in threads of its own. Throws std::runtime_error when the address cannot be bound.
  void start();
  /// Goes on with other settings: the token, limits and certificates. The address, the number of
  /// connections and the idle timeout stay, and so does every connection. Throws as the constructor does, having
  /// changed nothing. Thread: any.
  void reload(const config::ApiConfig& config, const config::LimitsConfig& limits);
  /// Takes no more requests; those being answered have two seconds to get their answers. Returns when every thread has
  /// ended.
  void stop();
  [[nodiscard]] std::uint16_t port() const noexcept;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mqttproxy::http
