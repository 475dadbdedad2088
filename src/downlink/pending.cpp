#include "pending.hpp"

#include <iterator>

namespace mqttproxy::downlink {

PendingPublishes::Call::Call(PendingPublishes& all, std::size_t records) : all_(all), reports_(records) {
  const std::scoped_lock lock(all_.mutex_);
  first_ = all_.next_token_;
  all_.next_token_ += records;
  all_.calls_.emplace(first_, this);
}

PendingPublishes::Call::~Call() {
  const std::scoped_lock lock(all_.mutex_);
  all_.calls_.erase(first_);
}

PendingPublishes::Call::Result PendingPublishes::Call::wait(std::size_t count, Clock::time_point deadline) {
  std::unique_lock lock(all_.mutex_);
  changed_.wait_until(lock, deadline, [&] { return stored_ >= count || reports_[stored_].has_value(); });
  return {stored_, stored_ < reports_.size() ? reports_[stored_] : std::nullopt};
}

void PendingPublishes::report(std::span<const kafka::Report> reports) {
  const std::scoped_lock lock(mutex_);
  for (const kafka::Report& report : reports) {
    const auto after = calls_.upper_bound(report.token);
    if (after == calls_.begin()) continue;
    Call& call = *std::prev(after)->second;
    const std::uint64_t place = report.token - call.first_;
    if (place >= call.reports_.size()) continue;  // its caller has stopped waiting
    call.reports_[place] = report;
    while (call.stored_ < call.reports_.size() && call.reports_[call.stored_] &&
           call.reports_[call.stored_]->outcome == kafka::Outcome::Stored) {
      ++call.stored_;
    }
    call.changed_.notify_one();
  }
}

}  // namespace mqttproxy::downlink
