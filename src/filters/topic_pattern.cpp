#include "topic_pattern.hpp"

#include <limits>
#include <utility>

#include "mqttproxy/mqtt/topic.hpp"

namespace mqttproxy::filters {

namespace {

using Kind = TemplatePart::Kind;

/// The levels of a topic, from the first to the last.
class Levels {
 public:
  explicit Levels(std::string_view topic) : rest_(topic) {}

  [[nodiscard]] bool left() const noexcept { return left_; }
  [[nodiscard]] std::string_view front() const noexcept { return rest_.substr(0, rest_.find('/')); }
  void advance() noexcept {
    const std::size_t slash = rest_.find('/');
    left_ = slash != std::string_view::npos;
    rest_.remove_prefix(left_ ? slash + 1 : rest_.size());
  }

 private:
  std::string_view rest_;
  bool left_ = true;  // "" has one level
};

/// Whether nothing more is asked of a topic that ends here: "a/#" matches "a" too.
bool may_end(const Levels& levels) noexcept {
  return !levels.left() || levels.front() == "#";
}

bool fits_one_level(std::string_view value) noexcept {
  return !value.empty() && value.find_first_of("/+#") == std::string_view::npos;
}

}  // namespace

std::optional<TopicPattern> TopicPattern::parse(std::string_view text, std::string& problem) {
  auto parts = parse_template(text, "cu", problem);
  if (!parts) return std::nullopt;
  std::string sample;  // with a letter for each placeholder: wildcards must be alone in their level [MQTT-4.7.1-3]
  for (const TemplatePart& part : *parts) sample += part.kind == Kind::Text ? part.text : "x";
  if (!mqtt::is_mqtt_utf8(sample) || !mqtt::is_topic_filter(sample, std::numeric_limits<std::size_t>::max())) {
    problem = "not a topic filter: empty, + or # not alone in a level, # not last, or not UTF-8 without U+0000";
    return std::nullopt;
  }
  TopicPattern result;
  result.parts_ = std::move(*parts);
  return result;
}

std::optional<std::string_view> TopicPattern::expand(const pipeline::Client& client, std::string& buffer) const {
  if (parts_.size() == 1 && parts_.front().kind == Kind::Text) return parts_.front().text;
  buffer.clear();
  for (const TemplatePart& part : parts_) {
    if (part.kind == Kind::Text) {
      buffer += part.text;
      continue;
    }
    const std::string_view value =
        part.kind == Kind::ClientId ? client.client_id : client.username.value_or(std::string_view());
    const bool makes_server_topic = buffer.empty() && value.starts_with('$');
    if (!fits_one_level(value) || makes_server_topic) return std::nullopt;
    buffer += value;
  }
  return buffer;
}

bool covers(std::string_view wide, std::string_view filter) noexcept {
  if (filter.starts_with('$') && !wide.starts_with('$')) return false;  // [MQTT-4.7.2-1]
  Levels outer(wide);
  Levels inner(filter);
  for (; outer.left() && inner.left(); outer.advance(), inner.advance()) {
    if (outer.front() == "#") return true;
    if (inner.front() == "#") return false;
    if (outer.front() != "+" && outer.front() != inner.front()) return false;
  }
  return !inner.left() && may_end(outer);
}

bool overlaps(std::string_view barred, std::string_view filter) noexcept {
  const bool wild = filter.starts_with('+') || filter.starts_with('#');
  if (wild && barred.starts_with('$')) return false;  // [MQTT-4.7.2-1]
  Levels left(barred);
  Levels right(filter);
  for (; left.left() && right.left(); left.advance(), right.advance()) {
    if (left.front() == "#" || right.front() == "#") return true;
    const bool plus = left.front() == "+" || right.front() == "+";
    if (!plus && left.front() != right.front()) return false;
  }
  return may_end(left) && may_end(right);
}

}  // namespace mqttproxy::filters
