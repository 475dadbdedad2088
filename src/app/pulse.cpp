#include "pulse.hpp"

namespace mqttproxy::app {

std::optional<std::size_t> Pulse::silent_worker(const std::vector<std::uint64_t>& heartbeats, Clock::time_point now) {
  const std::scoped_lock lock(mutex_);
  std::optional<std::size_t> silent;
  for (std::size_t worker = 0; worker < heartbeats.size(); ++worker) {
    if (worker == seen_.size()) seen_.push_back({heartbeats[worker], now});
    Seen& seen = seen_[worker];
    if (seen.heartbeat != heartbeats[worker]) seen = {heartbeats[worker], now};
    if (!silent && now - seen.since >= patience_) silent = worker;
  }
  return silent;
}

}  // namespace mqttproxy::app
