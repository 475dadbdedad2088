#include "mqttproxy/metrics/histogram.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace mqttproxy::metrics {

void Histogram::find_bucket(std::uint64_t value) noexcept {
  bucket_ = static_cast<std::size_t>(std::ranges::lower_bound(bounds_, value) - bounds_.begin());
  least_ = bucket_ == 0 ? 0 : bounds_[bucket_ - 1] + 1;
  const std::uint64_t most = bucket_ < bounds_.size() ? bounds_[bucket_] : std::numeric_limits<std::uint64_t>::max();
  width_ = most - least_ + 1;
}

void Histogram::write(Scrape& scrape, std::string_view name, std::string_view help,
                      std::span<const Histogram* const> parts, double scale, Labels labels) {
  std::vector<double> bounds;
  for (const std::uint64_t bound : parts.front()->bounds_) bounds.push_back(static_cast<double>(bound) / scale);
  std::vector<std::uint64_t> counts(bounds.size() + 1);
  double sum = 0;
  for (const Histogram* part : parts) {
    for (std::size_t i = 0; i < counts.size(); ++i) counts[i] += part->counts_[i].get();
    sum += static_cast<double>(part->sum_.get()) / scale;
  }
  scrape.histogram(name, help, bounds, counts, sum, std::move(labels));
}

}  // namespace mqttproxy::metrics
