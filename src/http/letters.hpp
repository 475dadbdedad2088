// Names compared without regard to the case of ASCII letters: header fields, and JSON keys as Go reads them.
#pragma once

#include <algorithm>
#include <string_view>

namespace mqttproxy::http {

[[nodiscard]] inline bool same_letters(std::string_view a, std::string_view b) noexcept {
  static constexpr auto kLower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; };
  return a.size() == b.size() && std::ranges::equal(a, b, {}, kLower, kLower);
}

}  // namespace mqttproxy::http
