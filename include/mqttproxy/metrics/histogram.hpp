// Values by size, counted without a shared cache line: every writer thread owns its histogram, a scrape sums them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "mqttproxy/metrics/metrics.hpp"

namespace mqttproxy::metrics {

/// One writer thread, any readers.
class Histogram {
 public:
  /// `bounds`: ascending, in the values' unit; they outlive the histogram. What is above them all has its own bucket.
  explicit Histogram(std::span<const std::uint64_t> bounds) : bounds_(bounds), counts_(bounds.size() + 1) {}

  void add(std::uint64_t value, std::uint64_t times = 1) noexcept {
    counts_[static_cast<std::size_t>(std::ranges::lower_bound(bounds_, value) - bounds_.begin())].add(times);
    sum_.add(value * times);
  }

  /// The sum of `parts`, which have the same bounds and are at least one. `scale`: so many of the
  /// values' unit are one of the metric's.
  static void write(Scrape& scrape, std::string_view name, std::string_view help,
                    std::span<const Histogram* const> parts, double scale, Labels labels = {});

 private:
  std::span<const std::uint64_t> bounds_;
  std::vector<Counter> counts_;
  Counter sum_;
};

}  // namespace mqttproxy::metrics
