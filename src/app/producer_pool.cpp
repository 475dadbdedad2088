#include "producer_pool.hpp"

#include <algorithm>
#include <utility>

#include "mqttproxy/util/deadline.hpp"
#include "mqttproxy/util/log.hpp"

namespace mqttproxy::app {

std::shared_ptr<kafka::RecordSink> ProducerPool::get(const kafka::ProducerOptions& options) {
  auto it = std::ranges::find(entries_, options, &Entry::options);
  if (it == entries_.end()) {
    Entry made{options, make_(options)};
    const std::scoped_lock lock(mutex_);
    it = entries_.insert(entries_.end(), std::move(made));
  }
  it->asked = true;
  return it->producer;
}

void ProducerPool::begin_configuration() {
  for (Entry& entry : entries_) entry.asked = false;
}

void ProducerPool::keep_configuration() {
  for (Entry& entry : entries_) {
    entry.kept = entry.asked;
    if (entry.kept) continue;
    spdlog::info("kafka producer retired producer=\"{}\" records_waiting={}", entry.options.name,
                 entry.producer->unreported());
    entry.producer->retire();
    retired_.push_back(entry.producer);
  }
  forget_others();
}

void ProducerPool::drop_configuration() {
  forget_others();
}

void ProducerPool::forget_others() {
  std::vector<Entry> kept = entries_;
  std::erase_if(kept, [](const Entry& entry) { return !entry.kept; });
  const std::scoped_lock lock(mutex_);
  entries_.swap(kept);
  // The lock is gone first, then those that nobody holds end: that takes a moment, and the lock of the metrics, under
  // which reasons_not_ready() is called.
}

std::size_t ProducerPool::end_retired() {
  // Nobody but this pool holds it: no filter can bring it another record.
  return std::erase_if(retired_, [](const std::shared_ptr<kafka::Producer>& producer) {
    return producer.use_count() == 1 && producer->unreported() == 0;
  });
}

std::vector<std::string> ProducerPool::reasons_not_ready() const {
  std::vector<std::string> reasons;
  const std::scoped_lock lock(mutex_);
  for (const Entry& entry : entries_) {
    if (kafka::Health health = entry.producer->health(); !health.ready) reasons.push_back(std::move(health.reason));
  }
  return reasons;
}

std::size_t ProducerPool::drain(std::chrono::milliseconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  std::size_t given_up = 0;
  for (const Entry& entry : entries_) given_up += entry.producer->drain(util::time_left(deadline));
  for (const auto& producer : retired_) given_up += producer->drain(util::time_left(deadline));
  retired_.clear();
  std::vector<Entry> gone;
  const std::scoped_lock lock(mutex_);
  entries_.swap(gone);
  return given_up;
}

}  // namespace mqttproxy::app
