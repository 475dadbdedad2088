// Values by size, counted without a shared cache line: every writer thread owns its histogram, a scrape sums them.
#pragma once

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
  /// `bounds`: ascending, at least one, in the values' unit; they outlive the histogram. What is above them all has its
  /// own bucket.
  explicit Histogram(std::span<const std::uint64_t> bounds) : bounds_(bounds), counts_(bounds.size() + 1) {}

  void add(std::uint64_t value, std::uint64_t times = 1) noexcept {
    // One value is mostly much like the one before it.
    if (value - least_ >= width_) [[unlikely]]
      find_bucket(value);
    counts_[bucket_].add(times);
    sum_.add(value * times);
  }

  /// The sum of `parts`, which have the same bounds and are at least one. `scale`: so many of the
  /// values' unit are one of the metric's.
  static void write(Scrape& scrape, std::string_view name, std::string_view help,
                    std::span<const Histogram* const> parts, double scale, Labels labels = {});

 private:
  void find_bucket(std::uint64_t value) noexcept;

  std::span<const std::uint64_t> bounds_;
  std::vector<Counter> counts_;
  Counter sum_;
  // Of the last value, the writer's own: which bucket, the least value it takes, and how many.
  std::size_t bucket_ = 0;
  std::uint64_t least_ = 0;
  std::uint64_t width_ = 0;
};

}  // namespace mqttproxy::metrics
