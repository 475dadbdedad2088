// What systemd hears of this process, by sd_notify(3). Where nobody listens (no NOTIFY_SOCKET) nothing is sent.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "mqttproxy/metrics/metrics.hpp"

namespace mqttproxy::app {

/// Thread: the one that runs `io`. A ping of the watchdog says that this thread lives, and all workers with it.
class ServiceManager {
 public:
  /// A worker that hangs, if one does.
  using SilentWorker = std::function<std::optional<std::size_t>()>;
  /// One line about the process.
  using Status = std::function<std::string()>;

  explicit ServiceManager(boost::asio::io_context& io);

  /// A step of the start, or of anything else systemd waits for: it may take a minute and a half from now on.
  void starting(const std::string& step);
  /// The start is over. From now until stopping() the status is told when it changes, and the watchdog pinged while
  /// no worker hangs.
  void ready(SilentWorker silent_worker, Status status);
  /// The process ends, within `at_most`.
  void stopping(std::chrono::milliseconds at_most);

  /// For how long a worker may say nothing: half of systemd's patience where there is a watchdog, at most ten seconds,
  /// which is longer than a busy machine keeps a thread waiting.
  [[nodiscard]] std::chrono::microseconds patience() const noexcept;

  /// Pings that were due and not sent, because a worker did not answer. Any thread.
  [[nodiscard]] std::uint64_t missed_pings() const noexcept { return missed_pings_.get(); }

 private:
  void schedule();
  void look();
  void ping();

  const bool listening_;
  const std::chrono::microseconds watchdog_;  // 0: there is none
  boost::asio::steady_timer timer_;
  SilentWorker silent_worker_;
  Status status_;
  std::string told_;     // the last status
  bool silent_ = false;  // a worker was, at the last look
  metrics::Counter missed_pings_;
};

}  // namespace mqttproxy::app
