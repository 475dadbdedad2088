// The `key:` of a Kafka filter: text with %c (client id), %u (user name), %t (MQTT topic) and %% for a percent sign.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

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
  enum class Kind : std::uint8_t { Text, ClientId, Username, MqttTopic };
  struct Part {
    Kind kind = Kind::Text;
    std::string text;
  };
  [[nodiscard]] static std::string_view value_of(const Part& part, const Fields& fields) noexcept;
  void append_text(char c);

  std::vector<Part> parts_;
};

}  // namespace mqttproxy::filters
