#include "key_template.hpp"

namespace mqttproxy::filters {

std::optional<KeyTemplate> KeyTemplate::parse(std::string_view text, std::string& problem) {
  KeyTemplate result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      result.append_text(text[i]);
      continue;
    }
    const std::string_view placeholder = text.substr(i++, 2);
    if (placeholder == "%%") {
      result.append_text('%');
    } else if (placeholder == "%c") {
      result.parts_.push_back({Kind::ClientId, {}});
    } else if (placeholder == "%u") {
      result.parts_.push_back({Kind::Username, {}});
    } else if (placeholder == "%t") {
      result.parts_.push_back({Kind::MqttTopic, {}});
    } else {
      problem = "% must be followed by c (client id), u (user name), t (MQTT topic) or % (a percent sign)";
      return std::nullopt;
    }
  }
  return result;
}

std::optional<std::string_view> KeyTemplate::expand(const Fields& fields, std::string& buffer) const {
  if (parts_.empty()) return std::nullopt;
  if (parts_.size() == 1) return value_of(parts_.front(), fields);  // "%c": nothing to put together
  buffer.clear();
  for (const Part& part : parts_) buffer += value_of(part, fields);
  return buffer;
}

std::string_view KeyTemplate::value_of(const Part& part, const Fields& fields) noexcept {
  switch (part.kind) {
    case Kind::ClientId:
      return fields.client_id;
    case Kind::Username:
      return fields.username;
    case Kind::MqttTopic:
      return fields.mqtt_topic;
    case Kind::Text:
      break;
  }
  return part.text;
}

void KeyTemplate::append_text(char c) {
  if (parts_.empty() || parts_.back().kind != Kind::Text) parts_.push_back({Kind::Text, {}});
  parts_.back().text += c;
}

}  // namespace mqttproxy::filters
