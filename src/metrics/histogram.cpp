#include "mqttproxy/metrics/histogram.hpp"

#include <utility>

namespace mqttproxy::metrics {

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
