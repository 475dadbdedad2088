#include "mqttproxy/util/log.hpp"

#include "producer_impl.hpp"

namespace mqttproxy::kafka {

namespace {

using std::chrono::milliseconds;

/// Purged records report at once; this is for a client that does not.
constexpr milliseconds kPurgeWithin{5'000};
constexpr milliseconds kFlushSlice{100};
constexpr milliseconds kLook{5};

}  // namespace

std::size_t ProducerImpl::drain(milliseconds timeout) {
  drained_ = true;
  gate_.shut();
  {
    const std::scoped_lock lock(wake_mutex_);
    shut_changed_.notify_all();
  }
  if (const auto used = client()) used->wake();
  await_reports(Clock::now() + timeout, true);
  if (unreported() == 0) return 0;

  purging_.store(true);
  if (const auto used = client()) {
    rd_kafka_purge(used->handle(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    used->wake();
  }
  await_reports(Clock::now() + kPurgeWithin, false);
  const std::size_t lost = unreported();
  if (lost > 0) spdlog::critical("kafka producer=\"{}\": {} purged records got no report", options_.name, lost);
  return purged_.load() + lost;
}

void ProducerImpl::await_reports(Clock::time_point deadline, bool flush) {
  while (unreported() > 0) {
    const auto left = std::chrono::duration_cast<milliseconds>(deadline - Clock::now());
    if (left <= milliseconds(0)) return;
    // Sends at once what linger.ms would hold back. Returns early when librdkafka has nothing left, although reports
    // may still be on their way through the report thread.
    const auto used = flush ? client() : nullptr;
    if (used != nullptr) rd_kafka_flush(used->handle(), static_cast<int>(std::min(left, kFlushSlice).count()));
    std::unique_lock lock(wake_mutex_);
    reported_.wait_for(lock, std::min(left, kLook), [this] { return unreported() == 0; });
  }
}

ProducerImpl::~ProducerImpl() {
  health_.stop();
  if (!drained_) drain(milliseconds(0));
  {
    const std::scoped_lock lock(wake_mutex_);
    stop_ = true;
    shut_changed_.notify_all();
  }
  if (const auto used = client()) used->wake();
  thread_.join();
  health_.join();  // it asks for the client
  topics_.detach();
}

}  // namespace mqttproxy::kafka
