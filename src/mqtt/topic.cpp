#include "mqttproxy/mqtt/topic.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

#include "text_scan.hpp"

namespace mqttproxy::mqtt {

namespace {

// Eight ASCII characters at a time: one byte each in a 64-bit word.
constexpr std::uint64_t kOnes = 0x0101010101010101U;
constexpr std::uint64_t kHighBits = kOnes << 7U;

/// The high bit of every byte of `word` that equals `c`. Exact only while no byte of `word` has its own high bit set.
constexpr std::uint64_t bytes_equal(std::uint64_t word, char c) noexcept {
  const std::uint64_t difference = word ^ (kOnes * static_cast<std::uint8_t>(c));
  return ~(difference + (kHighBits - kOnes)) & kHighBits;
}

constexpr std::size_t count_bytes(std::uint64_t high_bits) noexcept {
  return static_cast<std::size_t>(((high_bits >> 7U) * kOnes) >> 56U);
}

/// Bytes of the multi-byte character at the front of `text`, 0 when it is not well-formed (RFC 3629).
std::size_t multibyte_length(std::string_view text) noexcept {
  static constexpr std::array<std::uint32_t, 5> kSmallest = {0, 0, 0x80, 0x800, 0x10000};
  const auto first = static_cast<std::uint8_t>(text[0]);
  const std::size_t length = first >= 0xF8U ? 0 : first >= 0xF0U ? 4 : first >= 0xE0U ? 3 : first >= 0xC0U ? 2 : 0;
  if (length == 0 || length > text.size()) return 0;
  std::uint32_t code_point = first & (0x7FU >> length);
  for (std::size_t i = 1; i < length; ++i) {
    const auto next = static_cast<std::uint8_t>(text[i]);
    if ((next & 0xC0U) != 0x80U) return 0;
    code_point = (code_point << 6U) | (next & 0x3FU);
  }
  if (code_point < kSmallest[length] || code_point > 0x10FFFFU) return 0;
  // [MQTT-1.5.3-1] no code points between U+D800 and U+DFFF
  return code_point >= 0xD800U && code_point <= 0xDFFFU ? 0 : length;
}

}  // namespace

TextScan scan_text(std::string_view text) noexcept {
  TextScan scan;
  std::uint64_t wildcards = 0;
  while (!text.empty()) {
    if (text.size() >= sizeof(std::uint64_t)) {
      std::uint64_t word = 0;
      std::memcpy(&word, text.data(), sizeof word);
      if ((word & kHighBits) == 0) {
        if (bytes_equal(word, '\0') != 0) return {.is_utf8 = false};  // [MQTT-1.5.3-2]
        wildcards |= bytes_equal(word, '+') | bytes_equal(word, '#');
        scan.levels += count_bytes(bytes_equal(word, '/'));
        text.remove_prefix(sizeof word);
        continue;
      }
    }
    const char c = text.front();
    std::size_t length = 1;
    if ((static_cast<std::uint8_t>(c) & 0x80U) != 0) {
      length = multibyte_length(text);
      if (length == 0) return {.is_utf8 = false};
    } else if (c == '\0') {
      return {.is_utf8 = false};  // [MQTT-1.5.3-2]
    } else if (c == '/') {
      ++scan.levels;
    } else if (c == '+' || c == '#') {
      wildcards = 1;
    }
    text.remove_prefix(length);
  }
  scan.has_wildcard = wildcards != 0;
  return scan;
}

bool is_mqtt_utf8(std::string_view text) noexcept {
  return scan_text(text).is_utf8;
}

bool is_topic_name(std::string_view text, std::size_t max_levels) noexcept {
  if (text.empty()) return false;  // [MQTT-4.7.3-1]
  const TextScan scan = scan_text(text);
  return scan.is_utf8 && !scan.has_wildcard && scan.levels <= max_levels;
}

bool is_topic_filter(std::string_view text, std::size_t max_levels) noexcept {
  if (text.empty()) return false;  // [MQTT-4.7.3-1]
  std::size_t levels = 1;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '/') ++levels;
    if (c != '+' && c != '#') continue;
    const bool last = i + 1 == text.size();
    const bool alone = (i == 0 || text[i - 1] == '/') && (last || text[i + 1] == '/');
    if (!alone) return false;             // [MQTT-4.7.1-2] [MQTT-4.7.1-3]
    if (c == '#' && !last) return false;  // [MQTT-4.7.1-2]
  }
  return levels <= max_levels;
}

std::size_t level_count(std::string_view topic) noexcept {
  return static_cast<std::size_t>(std::ranges::count(topic, '/')) + 1;
}

}  // namespace mqttproxy::mqtt
