// Packets as people read them: "20 02 00 00", with text in single quotes: "00 04 'MQTT' 04".
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace mqttproxy::mqtt::test {

inline unsigned hex_digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a') + 10U;
  throw std::invalid_argument("not a hex digit");
}

inline std::string bytes(std::string_view notation) {
  std::string out;
  for (std::size_t i = 0; i < notation.size();) {
    if (notation[i] == ' ') {
      ++i;
    } else if (notation[i] == '\'') {
      const std::size_t end = notation.find('\'', i + 1);
      if (end == std::string_view::npos) throw std::invalid_argument("text without an end");
      out += notation.substr(i + 1, end - i - 1);
      i = end + 1;
    } else {
      out += static_cast<char>(hex_digit(notation.at(i)) << 4U | hex_digit(notation.at(i + 1)));
      i += 2;
    }
  }
  return out;
}

/// `text` behind its two-byte length.
inline std::string with_length(std::string_view text) {
  std::string out;
  out += static_cast<char>(text.size() >> 8U);
  out += static_cast<char>(text.size() & 0xFFU);
  out += text;
  return out;
}

}  // namespace mqttproxy::mqtt::test
