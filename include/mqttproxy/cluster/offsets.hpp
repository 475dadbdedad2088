// Positions in the downlink topic.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace mqttproxy::cluster {

/// A position in the downlink topic: of each partition the first offset that is still to come. One that is missing
/// counts as 0.
using Offsets = std::vector<std::int64_t>;

[[nodiscard]] inline std::int64_t offset_in(const Offsets& offsets, std::int32_t partition) noexcept {
  const auto index = static_cast<std::size_t>(partition);
  return index < offsets.size() ? offsets[index] : 0;
}

inline void set_offset(Offsets& offsets, std::int32_t partition, std::int64_t offset) {
  const auto index = static_cast<std::size_t>(partition);
  if (index >= offsets.size()) offsets.resize(index + 1);
  offsets[index] = offset;
}

/// True when `from` is below `to` in some partition.
[[nodiscard]] inline bool is_behind(const Offsets& from, const Offsets& to) noexcept {
  for (std::size_t i = 0; i < to.size(); ++i) {
    if (offset_in(from, static_cast<std::int32_t>(i)) < to[i]) return true;
  }
  return false;
}

/// Of each partition the later one.
inline void raise(Offsets& offsets, const Offsets& other) {
  if (offsets.size() < other.size()) offsets.resize(other.size());
  for (std::size_t i = 0; i < other.size(); ++i) offsets[i] = std::max(offsets[i], other[i]);
}

}  // namespace mqttproxy::cluster
