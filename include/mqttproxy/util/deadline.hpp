// Time that is left.
#pragma once

#include <algorithm>
#include <chrono>

namespace mqttproxy::util {

/// Until `deadline`; 0 once it has passed.
[[nodiscard]] inline std::chrono::milliseconds time_left(std::chrono::steady_clock::time_point deadline) noexcept {
  const auto left = deadline - std::chrono::steady_clock::now();
  return std::max(std::chrono::duration_cast<std::chrono::milliseconds>(left), std::chrono::milliseconds(0));
}

}  // namespace mqttproxy::util
