#include "service_manager.hpp"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include <fmt/format.h>
#include <systemd/sd-daemon.h>

#include "mqttproxy/util/log.hpp"

namespace mqttproxy::app {

namespace {

constexpr std::chrono::seconds kStep{90};           // what starting() asks for
constexpr std::chrono::seconds kStopMargin{15};     // closing connections, ending threads
constexpr std::chrono::seconds kStatusInterval{5};  // where there is no watchdog
constexpr unsigned kLooks = 4;                      // per watchdog time
constexpr std::chrono::microseconds kMaxPatience{std::chrono::seconds{10}};

std::chrono::microseconds watchdog_time() {
  std::uint64_t usec = 0;
  return std::chrono::microseconds(::sd_watchdog_enabled(0, &usec) > 0 ? usec : 0);
}

/// A lost message is not worth a word: the next one tells the same.
void tell(const std::string& message) {
  (void)::sd_notify(0, message.c_str());
}

std::string extend_by(std::chrono::microseconds time) {
  return fmt::format("EXTEND_TIMEOUT_USEC={}", time.count());
}

}  // namespace

ServiceManager::ServiceManager(boost::asio::io_context& io)
    : listening_(std::getenv("NOTIFY_SOCKET") != nullptr), watchdog_(watchdog_time()), timer_(io) {}

void ServiceManager::starting(const std::string& step) {
  tell(fmt::format("STATUS={}\n{}", step, extend_by(kStep)));
}

std::chrono::microseconds ServiceManager::patience() const noexcept {
  return watchdog_.count() == 0 ? kMaxPatience : std::min(kMaxPatience, watchdog_ / 2);
}

void ServiceManager::ready(SilentWorker silent_worker, Status status) {
  silent_worker_ = std::move(silent_worker);
  status_ = std::move(status);
  told_ = status_();
  tell("READY=1\nSTATUS=" + told_);
  if (listening_) schedule();
}

void ServiceManager::stopping(std::chrono::milliseconds at_most) {
  timer_.cancel();
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(at_most).count();
  tell(fmt::format("STOPPING=1\nSTATUS=draining, {} s at most\n{}", seconds, extend_by(at_most + kStopMargin)));
}

void ServiceManager::schedule() {
  timer_.expires_after(watchdog_.count() != 0 ? watchdog_ / kLooks : kStatusInterval);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    look();
    schedule();
  });
}

void ServiceManager::look() {
  if (watchdog_.count() != 0) ping();
  if (std::string status = status_(); status != told_) {
    told_ = std::move(status);
    tell("STATUS=" + told_);
  }
}

void ServiceManager::ping() {
  const auto silent = silent_worker_();
  const bool before = std::exchange(silent_, silent.has_value());
  if (!silent) {
    if (before) spdlog::info("watchdog: all workers answer again");
    return tell("WATCHDOG=1");
  }
  missed_pings_.add();
  if (!before) {
    spdlog::critical("watchdog: worker {} does not answer, so systemd is not told that all is well", *silent);
  }
}

}  // namespace mqttproxy::app
