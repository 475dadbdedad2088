// The `key:` of a Kafka filter: text with %c (client id), %u (user name), %t (MQTT topic) and %% for a percent sign.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "placeholders.hpp"

namespace mqttproxy::filters {

class KeyTemplate {
 public:
  struct Fields {
    std::string_view client_id;
    std::string_view username;
    std::string_view mqtt_topic;
  };

  /// The template "": records without a key.
  KeyTemplate() = default;
  /// nullopt with `problem` set for any other %.
  static std::optional<KeyTemplate> parse(std::string_view text, std::string& problem);

  /// The key of one record; nullopt when the template is empty. A view into `fields` or into `buffer`, which is reused.
  [[nodiscard]] std::optional<std::string_view> expand(const Fields& fields, std::string& buffer) const;

 private:
  [[nodiscard]] static std::string_view value_of(const TemplatePart& part, const Fields& fields) noexcept;

  std::vector<TemplatePart> parts_;
};

}  // namespace mqttproxy::filters
