#include "mqttproxy/util/text.hpp"

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <vector>

namespace mqttproxy::util {

namespace {

/// Length of the well-formed UTF-8 sequence at the front of `text` (RFC 3629), 0 when there is none.
std::size_t sequence_length(std::string_view text) noexcept {
  const auto byte = [text](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const auto tail = [&](std::size_t i) { return i < text.size() && (byte(i) & 0xC0U) == 0x80U; };
  const std::uint8_t b0 = byte(0);
  if (b0 < 0x80U) return 1;
  if (b0 >= 0xC2U && b0 <= 0xDFU) return tail(1) ? 2 : 0;
  if (b0 >= 0xE0U && b0 <= 0xEFU) {
    if (!tail(1) || !tail(2)) return 0;
    if (b0 == 0xE0U && byte(1) < 0xA0U) return 0;
    return b0 == 0xEDU && byte(1) > 0x9FU ? 0 : 3;
  }
  if (b0 >= 0xF0U && b0 <= 0xF4U) {
    if (!tail(1) || !tail(2) || !tail(3)) return 0;
    if (b0 == 0xF0U && byte(1) < 0x90U) return 0;
    return b0 == 0xF4U && byte(1) > 0x8FU ? 0 : 4;
  }
  return 0;
}

/// C0, DEL, C1 (two bytes, C2 80..9F), quote and backslash; and the line separators a terminal may honour.
bool is_unsafe(std::string_view sequence) noexcept {
  const auto b0 = static_cast<std::uint8_t>(sequence[0]);
  if (sequence.size() == 1) return b0 < 0x20U || b0 == 0x7FU || b0 == '"' || b0 == '\\';
  const auto b1 = static_cast<std::uint8_t>(sequence[1]);
  if (sequence.size() == 2) return b0 == 0xC2U && b1 < 0xA0U;
  return sequence == "\xE2\x80\xA8" || sequence == "\xE2\x80\xA9";
}

void append_escaped(std::string& out, std::string_view bytes) {
  static constexpr std::string_view kHex = "0123456789abcdef";
  for (const char c : bytes) {
    const auto b = static_cast<std::uint8_t>(c);
    out += "\\x";
    out += kHex[b >> 4U];
    out += kHex[b & 0x0FU];
  }
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row[b.size()];
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return out;
}

}  // namespace

std::string printable(std::string_view bytes, std::size_t max_bytes) {
  std::string out;
  out.reserve(std::min(bytes.size(), max_bytes));
  while (!bytes.empty()) {
    const std::size_t length = sequence_length(bytes);
    const std::string_view sequence = bytes.substr(0, std::max<std::size_t>(length, 1));
    // A character that the limit would split is left out: half of it would look like bytes nobody sent.
    if (sequence.size() > max_bytes) return out + "…";
    if (length == 0 || is_unsafe(sequence)) {
      append_escaped(out, sequence);
    } else {
      out += sequence;
    }
    bytes.remove_prefix(sequence.size());
    max_bytes -= sequence.size();
  }
  return out;
}

std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates) {
  const std::string wanted = lower(word);
  std::string_view best;
  // One slip is forgiven in the shortest words too, unless nothing of the word would be left.
  std::size_t best_distance = std::min(std::max<std::size_t>(word.size() / 3, 1) + 1, word.size());
  for (const std::string_view candidate : candidates) {
    const std::size_t distance = edit_distance(wanted, lower(candidate));
    if (distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

std::string join(std::span<const std::string_view> words, std::string_view separator) {
  std::string out;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i != 0) out += separator;
    out += words[i];
  }
  return out;
}

}  // namespace mqttproxy::util
