// Latencies of millions of messages in a fixed table: logarithmic buckets, 64 per power of two (1.6 % wide).
#pragma once

#include <array>
#include <chrono>
#include <cstdint>

namespace mqttproxy::bench {

using Nanoseconds = std::chrono::nanoseconds;

/// Values from 0 to 2^63 - 1 ns; negative ones count as 0. A few ns per value, no allocation.
class Histogram {
 public:
  void record(Nanoseconds value);

  [[nodiscard]] std::uint64_t count() const { return count_; }
  /// Exact, not a bucket's edge.
  [[nodiscard]] Nanoseconds max() const { return max_; }
  /// Smallest recorded magnitude that `fraction` (0 … 1) of the values do not exceed, rounded up to its bucket's
  /// upper edge, never above max(). 0 when nothing was recorded.
  [[nodiscard]] Nanoseconds percentile(double fraction) const;

 private:
  static constexpr unsigned kSubBits = 6;
  static constexpr std::size_t kSub = std::size_t{1} << kSubBits;
  static constexpr std::size_t kBuckets = (64 - kSubBits) * kSub + kSub;

  static std::size_t bucket_of(std::uint64_t value);
  static std::uint64_t upper_edge(std::size_t bucket);

  std::array<std::uint64_t, kBuckets> buckets_{};
  std::uint64_t count_ = 0;
  Nanoseconds max_{0};
};

}  // namespace mqttproxy::bench
