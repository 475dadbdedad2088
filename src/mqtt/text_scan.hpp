// One pass over a string of a packet: is it MQTT's UTF-8, and what does it hold that matters in a topic?
#pragma once

#include <cstddef>
#include <string_view>

namespace mqttproxy::mqtt {

struct TextScan {
  bool is_utf8 = true;        // well-formed, no surrogates, no U+0000; when false, the rest says nothing
  bool has_wildcard = false;  // '+' or '#' anywhere
  std::size_t levels = 1;     // separators plus one
};

[[nodiscard]] TextScan scan_text(std::string_view text) noexcept;

}  // namespace mqttproxy::mqtt
