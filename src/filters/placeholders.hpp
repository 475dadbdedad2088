// Text with placeholders, as a `key:` and an ACL's topics have it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mqttproxy::filters {

struct TemplatePart {
  enum class Kind : std::uint8_t { Text, ClientId, Username, MqttTopic };
  Kind kind = Kind::Text;
  std::string text;  // of Kind::Text, never empty
};

/// %c is the client id, %u the user name, %t the MQTT topic – each only if its letter is among `allowed` –, %% a
/// percent sign. nullopt with `problem` set for any other %.
[[nodiscard]] std::optional<std::vector<TemplatePart>> parse_template(std::string_view text, std::string_view allowed,
                                                                      std::string& problem);

}  // namespace mqttproxy::filters
