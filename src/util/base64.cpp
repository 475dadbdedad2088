#include "mqttproxy/util/base64.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace mqttproxy::util {

namespace {

constexpr std::uint8_t kInvalid = 0xFF;
using Values = std::array<std::uint8_t, 256>;

/// Of each character, with the last two of the alphabet as given.
consteval Values values(char digit_62, char digit_63) {
  constexpr std::string_view kFirst62 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  Values values{};
  values.fill(kInvalid);
  for (std::size_t i = 0; i < kFirst62.size(); ++i) {
    values[static_cast<std::uint8_t>(kFirst62[i])] = static_cast<std::uint8_t>(i);
  }
  values[static_cast<std::uint8_t>(digit_62)] = 62;
  values[static_cast<std::uint8_t>(digit_63)] = 63;
  return values;
}

constexpr Values kStandard = values('+', '/');
constexpr Values kUrl = values('-', '_');

struct Decoded {
  std::size_t bytes = 0;
  bool canonical = true;  // no bit was set that no byte takes
};

/// `out` has room for as many bytes as there are digits, and may be where they stand. nullopt: another character.
std::optional<Decoded> decode(std::string_view digits, const Values& values, char* out) {
  Decoded decoded;
  std::uint32_t bits = 0;
  unsigned pending = 0;  // bits that are not in `out` yet
  for (const char digit : digits) {
    const std::uint8_t value = values[static_cast<std::uint8_t>(digit)];
    if (value == kInvalid) return std::nullopt;
    bits = (bits << 6U | value) & 0xFFFU;
    pending += 6;
    if (pending < 8) continue;
    pending -= 8;
    out[decoded.bytes++] = static_cast<char>(bits >> pending & 0xFFU);
  }
  decoded.canonical = (bits & ((1U << pending) - 1)) == 0;
  return decoded;
}

}  // namespace

bool base64_decode(std::string& text) {
  if (text.size() % 4 != 0) return false;
  const std::size_t padding = text.ends_with("==") ? 2 : (text.ends_with('=') ? 1 : 0);
  const auto decoded = decode(std::string_view(text).substr(0, text.size() - padding), kStandard, text.data());
  if (!decoded) return false;
  text.resize(decoded->bytes);
  return true;
}

std::optional<std::string> decode_base64url(std::string_view text) {
  if (text.size() % 4 == 1) return std::nullopt;
  std::string out(text.size(), '\0');
  const auto decoded = decode(text, kUrl, out.data());
  if (!decoded || !decoded->canonical) return std::nullopt;
  out.resize(decoded->bytes);
  return out;
}

}  // namespace mqttproxy::util
