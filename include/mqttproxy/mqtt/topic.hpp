// Topic names (published) and topic filters (subscribed): form and levels. MQTT 3.1.1 section 4.7.
#pragma once

#include <cstddef>
#include <string_view>

namespace mqttproxy::mqtt {

/// Well-formed UTF-8 as [MQTT-1.5.3-1] and [MQTT-1.5.3-2] want it: no surrogates, no U+0000, no overlong
/// forms. A byte order mark is a character like others [MQTT-1.5.3-3].
[[nodiscard]] bool is_mqtt_utf8(std::string_view text) noexcept;

/// At least one character, no wildcard [MQTT-3.3.2-2] [MQTT-4.7.1-1], at most `max_levels` levels. Assumes valid UTF-8.
[[nodiscard]] bool is_topic_name(std::string_view text, std::size_t max_levels) noexcept;

/// At least one character [MQTT-4.7.3-1]; '#' only last and alone in its level [MQTT-4.7.1-2]; '+' alone
/// [MQTT-4.7.1-3].
[[nodiscard]] bool is_topic_filter(std::string_view text, std::size_t max_levels) noexcept;

/// Number of levels: "" has 1, "/" has 2, "a/b" has 2.
[[nodiscard]] std::size_t level_count(std::string_view topic) noexcept;

}  // namespace mqttproxy::mqtt
