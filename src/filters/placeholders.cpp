#include "placeholders.hpp"

#include <algorithm>
#include <array>

namespace mqttproxy::filters {

namespace {

using Kind = TemplatePart::Kind;

struct Placeholder {
  char letter;
  Kind kind;
  std::string_view name;
};
constexpr std::array<Placeholder, 3> kPlaceholders = {
    {{'c', Kind::ClientId, "client id"}, {'u', Kind::Username, "user name"}, {'t', Kind::MqttTopic, "MQTT topic"}}};

/// nullptr: there is none of that letter, or it is not allowed.
const Placeholder* find(char letter, std::string_view allowed) noexcept {
  const auto* found = std::ranges::find(kPlaceholders, letter, &Placeholder::letter);
  return found == kPlaceholders.end() || allowed.find(letter) == std::string_view::npos ? nullptr : found;
}

/// "% must be followed by c (client id), u (user name) or % (a percent sign)".
std::string what_is_allowed(std::string_view allowed) {
  std::string text = "% must be followed by ";
  for (const char letter : allowed) {
    if (letter != allowed.front()) text += ", ";
    text.append(1, letter).append(" (").append(find(letter, allowed)->name).append(")");
  }
  return text + " or % (a percent sign)";
}

}  // namespace

std::optional<std::vector<TemplatePart>> parse_template(std::string_view text, std::string_view allowed,
                                                        std::string& problem) {
  std::vector<TemplatePart> parts;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && text.substr(i, 2) != "%%") {
      const Placeholder* placeholder = i + 1 < text.size() ? find(text[i + 1], allowed) : nullptr;
      if (placeholder == nullptr) {
        problem = what_is_allowed(allowed);
        return std::nullopt;
      }
      parts.push_back({placeholder->kind, {}});
      ++i;
      continue;
    }
    if (parts.empty() || parts.back().kind != Kind::Text) parts.push_back({Kind::Text, {}});
    parts.back().text += text[i];
    if (text[i] == '%') ++i;
  }
  return parts;
}

}  // namespace mqttproxy::filters
