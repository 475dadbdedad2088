#include "key_template.hpp"

#include <utility>

namespace mqttproxy::filters {

std::optional<KeyTemplate> KeyTemplate::parse(std::string_view text, std::string& problem) {
  auto parts = parse_template(text, "cut", problem);
  if (!parts) return std::nullopt;
  KeyTemplate result;
  result.parts_ = std::move(*parts);
  return result;
}

std::optional<std::string_view> KeyTemplate::expand(const Fields& fields, std::string& buffer) const {
  if (parts_.empty()) return std::nullopt;
  if (parts_.size() == 1) return value_of(parts_.front(), fields);  // "%c": nothing to put together
  buffer.clear();
  for (const TemplatePart& part : parts_) buffer += value_of(part, fields);
  return buffer;
}

std::string_view KeyTemplate::value_of(const TemplatePart& part, const Fields& fields) noexcept {
  using Kind = TemplatePart::Kind;
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

}  // namespace mqttproxy::filters
