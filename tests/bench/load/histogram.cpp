#include "load/histogram.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace mqttproxy::bench {

// Values below 2 * kSub have a bucket each; above, the kSubBits bits below the highest one choose the bucket.
std::size_t Histogram::bucket_of(std::uint64_t value) {
  if (value < 2 * kSub) return static_cast<std::size_t>(value);
  const auto shift = static_cast<unsigned>(std::bit_width(value)) - 1 - kSubBits;
  return shift * kSub + static_cast<std::size_t>(value >> shift);
}

std::uint64_t Histogram::upper_edge(std::size_t bucket) {
  if (bucket < 2 * kSub) return bucket;
  const std::size_t shift = bucket / kSub - 1;
  const std::uint64_t lower = (bucket % kSub + kSub) << shift;
  return lower + (std::uint64_t{1} << shift) - 1;
}

void Histogram::record(Nanoseconds value) {
  value = std::max(value, Nanoseconds{0});
  ++buckets_[bucket_of(static_cast<std::uint64_t>(value.count()))];
  ++count_;
  max_ = std::max(max_, value);
}

Nanoseconds Histogram::percentile(double fraction) const {
  if (count_ == 0) return Nanoseconds{0};
  const double wanted = std::ceil(std::clamp(fraction, 0.0, 1.0) * static_cast<double>(count_));
  const auto rank = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(wanted));
  std::uint64_t seen = 0;
  for (std::size_t bucket = 0; bucket < kBuckets; ++bucket) {
    seen += buckets_[bucket];
    if (seen >= rank) return std::min(max_, Nanoseconds{static_cast<std::int64_t>(upper_edge(bucket))});
  }
  return max_;
}

}  // namespace mqttproxy::bench
