// Whether every worker still turns, for those who ask now and then: /healthz.
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
  /// Longer than a busy machine may keep a thread waiting.
  static constexpr std::chrono::seconds kPatience{10};

  /// The first worker whose heartbeat (net::Server::heartbeats) has been seen standing still for kPatience.
  [[nodiscard]] std::optional<std::size_t> silent_worker(const std::vector<std::uint64_t>& heartbeats,
                                                         Clock::time_point now);

 private:
  struct Seen {
    std::uint64_t heartbeat;
    Clock::time_point since;
  };
  std::mutex mutex_;
  std::vector<Seen> seen_;  // by worker
};

}  // namespace mqttproxy::app
