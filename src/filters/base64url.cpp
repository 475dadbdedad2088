#include "base64url.hpp"

#include <array>
#include <cstdint>

namespace mqttproxy::filters {

namespace {

constexpr std::uint8_t kInvalid = 0xFF;

constexpr std::array<std::uint8_t, 256> kValues = [] {
  constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::array<std::uint8_t, 256> values{};
  values.fill(kInvalid);
  for (std::size_t i = 0; i < kAlphabet.size(); ++i) {
    values[static_cast<std::uint8_t>(kAlphabet[i])] = static_cast<std::uint8_t>(i);
  }
  return values;
}();

}  // namespace

std::optional<std::string> decode_base64url(std::string_view text) {
  if (text.size() % 4 == 1) return std::nullopt;
  std::string out;
  out.reserve(text.size() * 3 / 4);
  std::uint32_t bits = 0;
  unsigned pending = 0;  // bits that are not in `out` yet
  for (const char c : text) {
    const std::uint8_t value = kValues[static_cast<std::uint8_t>(c)];
    if (value == kInvalid) return std::nullopt;
    bits = (bits << 6U | value) & 0xFFFU;
    pending += 6;
    if (pending < 8) continue;
    pending -= 8;
    out += static_cast<char>(bits >> pending & 0xFFU);
  }
  const bool canonical = (bits & ((1U << pending) - 1)) == 0;
  if (!canonical) return std::nullopt;
  return out;
}

}  // namespace mqttproxy::filters
