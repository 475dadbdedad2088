#include "gate.hpp"

#include <thread>

namespace mqttproxy::kafka {

Gate::Gate(const std::vector<ReportSink*>& sinks) : lanes_(sinks.size()) {
  for (std::size_t i = 0; i < sinks.size(); ++i) lanes_[i].sink = sinks[i];
}

// Both operations sequentially consistent: close() stores nullptr first and reads the counters then, so either it
// sees this entry or this entry sees nullptr.
Gate::Entry::Entry(Gate& gate, Lane& lane) noexcept : lane_(lane) {
  lane_.entered.fetch_add(1);
  client_ = gate.client_.load();
}

Gate::Entry::~Entry() {
  lane_.left.fetch_add(1);
}

Lane* Gate::lane(std::uint64_t token) noexcept {
  const auto index = static_cast<std::size_t>(token >> static_cast<unsigned>(kLaneShift));
  return index < lanes_.size() ? &lanes_[index] : nullptr;
}

void Gate::await_room(Lane& lane) noexcept {
  lane.queue_full.fetch_add(1, std::memory_order_relaxed);
  if (lane.waiting.exchange(true)) return;
  // Loaded after the store: the report thread opens first and looks at `waiting` then.
  if (const Client* client = client_.load()) client->wake();
}

void Gate::open(Client& client) noexcept {
  const std::scoped_lock lock(mutex_);
  if (!shut_.load()) client_.store(&client);
}

void Gate::close() noexcept {
  client_.store(nullptr);
  wait_until_nobody_inside();
}

void Gate::shut() noexcept {
  {
    const std::scoped_lock lock(mutex_);
    shut_.store(true);
    client_.store(nullptr);
  }
  wait_until_nobody_inside();
}

void Gate::wait_until_nobody_inside() const noexcept {
  for (const Lane& lane : lanes_) {
    // `left` first: both only grow and left <= entered, so equality means that at the first read nobody was inside.
    while (true) {
      const std::uint64_t left = lane.left.load();
      if (left == lane.entered.load()) break;
      std::this_thread::yield();
    }
  }
}

std::uint64_t Gate::accepted() const noexcept {
  std::uint64_t total = 0;
  for (const Lane& lane : lanes_) {
    const std::uint64_t rejected = lane.rejected.load();
    total += lane.entered.load() - rejected;
  }
  return total;
}

std::uint64_t Gate::unreported() const noexcept {
  // Reports first: what was reported had been accepted before, so the difference never goes below zero.
  const std::uint64_t reported = reported_.load();
  return accepted() - reported;
}

}  // namespace mqttproxy::kafka
