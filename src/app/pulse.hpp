// Whether every worker still turns, for those who ask now and then: /healthz, and the watchdog of systemd.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <vector>

namespace mqttproxy::app {

/// Thread: any. Knows only what it has seen when it was asked: a worker that hangs is found by the second question.
class Pulse {
 public:
  using Clock = std::chrono::steady_clock;

  explicit Pulse(Clock::duration patience) : patience_(patience) {}

  /// The first worker whose heartbeat (net::Server::heartbeats) has been seen standing still for the patience.
  [[nodiscard]] std::optional<std::size_t> silent_worker(const std::vector<std::uint64_t>& heartbeats,
                                                         Clock::time_point now);

 private:
  struct Seen {
    std::uint64_t heartbeat;
    Clock::time_point since;
  };
  const Clock::duration patience_;
  std::mutex mutex_;
  std::vector<Seen> seen_;  // by worker
};

}  // namespace mqttproxy::app
