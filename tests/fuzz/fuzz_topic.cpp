// The input is a topic name or filter. The checks, which look at eight bytes at a time, are held against slow ones that
// follow the specification word by word.
#include <cstdint>
#include <vector>

#include "mqttproxy/mqtt/topic.hpp"

#include "require.hpp"

namespace {

using mqttproxy::fuzz::require;

std::vector<std::string_view> levels_of(std::string_view topic) {
  std::vector<std::string_view> levels;
  while (true) {
    const std::size_t end = topic.find('/');
    levels.push_back(topic.substr(0, end));
    if (end == std::string_view::npos) return levels;
    topic.remove_prefix(end + 1);
  }
}

bool within(std::uint8_t byte, unsigned low, unsigned high) {
  return byte >= low && byte <= high;
}

/// The table "Well-Formed UTF-8 Byte Sequences" of the Unicode standard (3-7), without U+0000.
bool is_utf8(const std::uint8_t* at, const std::uint8_t* end) {
  while (at != end) {
    const auto left = static_cast<std::size_t>(end - at);
    const auto tail = [&](std::size_t i) { return within(at[i], 0x80, 0xBF); };
    if (within(at[0], 0x01, 0x7F)) {
      at += 1;
    } else if (left >= 2 && within(at[0], 0xC2, 0xDF) && tail(1)) {
      at += 2;
    } else if (left >= 3 &&
               ((at[0] == 0xE0 && within(at[1], 0xA0, 0xBF)) || (within(at[0], 0xE1, 0xEC) && tail(1)) ||
                (at[0] == 0xED && within(at[1], 0x80, 0x9F)) || (within(at[0], 0xEE, 0xEF) && tail(1))) &&
               tail(2)) {
      at += 3;
    } else if (left >= 4 &&
               ((at[0] == 0xF0 && within(at[1], 0x90, 0xBF)) || (within(at[0], 0xF1, 0xF3) && tail(1)) ||
                (at[0] == 0xF4 && within(at[1], 0x80, 0x8F))) &&
               tail(2) && tail(3)) {
      at += 4;
    } else {
      return false;
    }
  }
  return true;
}

bool is_filter(std::string_view topic, const std::vector<std::string_view>& levels) {
  for (std::size_t i = 0; i < levels.size(); ++i) {
    const bool wild = levels[i].find_first_of("+#") != std::string_view::npos;
    if (wild && levels[i] != "+" && !(levels[i] == "#" && i + 1 == levels.size())) return false;
  }
  return !topic.empty();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mqttproxy::mqtt;
  const std::string_view topic(reinterpret_cast<const char*>(data), size);
  const bool utf8 = is_utf8(data, data + size);
  require(is_mqtt_utf8(topic) == utf8, "UTF-8 as the table has it");

  const std::vector<std::string_view> levels = levels_of(topic);
  require(level_count(topic) == levels.size(), "one level more than separators");
  require(is_topic_filter(topic, levels.size()) == is_filter(topic, levels), "filters as section 4.7.1 has them");
  require(!is_topic_filter(topic, levels.size() - 1), "one level too many");

  const bool name = utf8 && !topic.empty() && topic.find_first_of("+#") == std::string_view::npos;
  require(is_topic_name(topic, levels.size()) == name, "names as section 4.7.3 has them");
  require(!is_topic_name(topic, levels.size() - 1), "one level too many");
  return 0;
}
