// When a packet was read, in as few bytes as every place of every ack window can spare.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>

namespace mqttproxy::session {

/// A moment of the steady clock in ticks of 16 µs. Wraps: only what lies less than 19 hours apart can be compared.
using Stamp = std::uint32_t;
inline constexpr std::uint64_t kStampTickUs = 16;

[[nodiscard]] inline Stamp stamp(std::chrono::steady_clock::time_point time) noexcept {
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch()).count();
  return static_cast<Stamp>(static_cast<std::uint64_t>(us) / kStampTickUs);
}

/// Microseconds from `from` to `to`.
[[nodiscard]] constexpr std::uint64_t elapsed_us(Stamp from, Stamp to) noexcept {
  return Stamp{to - from} * kStampTickUs;
}

/// Buckets of the histograms of a PUBLISH's way, in microseconds.
inline constexpr std::array<std::uint64_t, 18> kStageBoundsUs = {
    50,     100,     250,     500,     1'000,     2'500,     5'000,     10'000,     25'000,
    50'000, 100'000, 250'000, 500'000, 1'000'000, 2'500'000, 5'000'000, 10'000'000, 30'000'000};

}  // namespace mqttproxy::session
