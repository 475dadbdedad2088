#include "service_manager.hpp"

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
constexpr unsigned kMissedToLog = 2;

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

void ServiceManager::ready(Heartbeats heartbeats, Status status) {
  heartbeats_ = std::move(heartbeats);
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
  if (watchdog_.count() != 0 && all_alive(heartbeats_())) tell("WATCHDOG=1");
  if (std::string status = status_(); status != told_) {
    told_ = std::move(status);
    tell("STATUS=" + told_);
  }
}

bool ServiceManager::all_alive(const std::vector<std::uint64_t>& beats) {
  // Compared with those at the last ping, not at the last look: a worker may be slow.
  std::size_t worker = 0;
  while (worker < beats_.size() && beats[worker] != beats_[worker]) ++worker;
  if (worker == beats_.size()) {
    if (missed_ >= kMissedToLog) spdlog::info("watchdog: all workers answer again");
    missed_ = 0;
    beats_ = beats;
    return true;
  }
  missed_pings_.add();
  if (++missed_ == kMissedToLog) {
    spdlog::critical("watchdog: worker {} does not answer, so systemd is not told that all is well", worker);
  }
  return false;
}

}  // namespace mqttproxy::app
