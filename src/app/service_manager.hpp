// What systemd hears of this process, by sd_notify(3). Where nobody listens (no NOTIFY_SOCKET) nothing is sent.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "mqttproxy/metrics/metrics.hpp"

namespace mqttproxy::app {

/// Thread: the one that runs `io`. A ping of the watchdog says that this thread lives, and all workers with it.
class ServiceManager {
 public:
  /// One number per worker, which moves on as long as the worker does.
  using Heartbeats = std::function<std::vector<std::uint64_t>()>;
  /// One line about the process.
  using Status = std::function<std::string()>;

  explicit ServiceManager(boost::asio::io_context& io);

  /// A step of the start, or of anything else systemd waits for: it may take a minute and a half from now on.
  void starting(const std::string& step);
  /// The start is over. From now until stopping() the status is told when it changes, and the watchdog pinged while
  /// every heartbeat moves.
  void ready(Heartbeats heartbeats, Status status);
  /// The process ends, within `at_most`.
  void stopping(std::chrono::milliseconds at_most);

  /// Pings that were due and not sent, because a worker did not answer. Any thread.
  [[nodiscard]] std::uint64_t missed_pings() const noexcept { return missed_pings_.get(); }

 private:
  void schedule();
  void look();
  /// True when every heartbeat has moved since the last ping.
  [[nodiscard]] bool all_alive(const std::vector<std::uint64_t>& beats);

  const bool listening_;
  const std::chrono::microseconds watchdog_;  // 0: there is none
  boost::asio::steady_timer timer_;
  Heartbeats heartbeats_;
  Status status_;
  std::string told_;                  // the last status
  std::vector<std::uint64_t> beats_;  // at the last ping
  unsigned missed_ = 0;               // pings in a row
  metrics::Counter missed_pings_;
};

}  // namespace mqttproxy::app
