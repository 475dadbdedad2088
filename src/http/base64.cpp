#include "base64.hpp"

#include <array>
#include <cstdint>
#include <string_view>

namespace mqttproxy::http {

namespace {

constexpr std::uint8_t kInvalid = 0xFF;

constexpr std::array<std::uint8_t, 256> kValues = [] {
  constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::array<std::uint8_t, 256> values{};
  values.fill(kInvalid);
  for (std::size_t i = 0; i < kAlphabet.size(); ++i) {
    values[static_cast<std::uint8_t>(kAlphabet[i])] = static_cast<std::uint8_t>(i);
  }
  return values;
}();

}  // namespace

bool base64_decode(std::string& text) {
  if (text.size() % 4 != 0) return false;
  if (text.empty()) return true;
  const std::size_t padding = text.ends_with("==") ? 2 : (text.ends_with('=') ? 1 : 0);
  const std::size_t digits = text.size() - padding;
  std::size_t out = 0;
  std::uint32_t bits = 0;
  for (std::size_t i = 0; i < digits; ++i) {
    const std::uint8_t value = kValues[static_cast<std::uint8_t>(text[i])];
    if (value == kInvalid) return false;
    bits = bits << 6U | value;
    if (i % 4 != 0) text[out++] = static_cast<char>(bits >> (6U - 2 * (i % 4)));
  }
  text.resize(out);
  return true;
}

}  // namespace mqttproxy::http
