#include "mqttproxy/config/value.hpp"

#include <algorithm>
#include <array>
#include <filesystem>

#include "mqttproxy/util/text.hpp"

#include "place.hpp"
#include "quantity.hpp"
#include "text_source.hpp"

namespace mqttproxy::config {

namespace {

constexpr std::size_t kMaxSecretBytes = 64 * 1024;
constexpr std::string_view kFilePrefix = "file:";

std::string range(const std::string& min, const std::string& max) {
  return " from " + min + " to " + max;
}

std::string integer_bounds(std::int64_t min, std::int64_t max) {
  using Limits = std::numeric_limits<std::int64_t>;
  if (max != Limits::max()) return range(std::to_string(min), std::to_string(max));
  return min == Limits::min() ? "" : " of at least " + std::to_string(min);
}

/// "text" instead of its content: what a reader of text found is not repeated, it may be a secret.
std::string shape(const YAML::Node& node) {
  return node.IsScalar() ? "text" : describe(node);
}

void drop_last_line_break(std::string& text) {
  if (text.ends_with('\n')) text.pop_back();
  if (text.ends_with('\r')) text.pop_back();
}

}  // namespace

Value& Value::operator=(const Value& other) {
  if (this == &other) return *this;
  node_.reset(other.node_);
  mark_ = other.mark_;
  path_ = other.path_;
  diagnostics_ = other.diagnostics_;
  return *this;
}

std::optional<std::string> Value::scalar(std::string_view expected) const {
  if (!node_.IsDefined() || !node_.IsScalar()) {
    error("expected " + std::string(expected) + ", found " + shape(node_));
    return std::nullopt;
  }
  SourcedText expanded = expand_environment(node_.Scalar());
  if (!expanded.ok()) {
    error(std::move(expanded.problem));
    return std::nullopt;
  }
  return std::move(expanded.text);
}

void Value::mismatch(std::string_view expected) const {
  error("expected " + std::string(expected) + ", found " + describe(node_));
}

std::optional<std::string> Value::as_string() const {
  return scalar("text");
}

std::optional<std::string> Value::as_secret() const {
  const bool in_file = node_.IsDefined() && node_.IsScalar() && node_.Scalar().starts_with(kFilePrefix);
  std::optional<std::string> text = scalar("text");
  if (!text || !in_file) return text;
  return read_named(std::string_view(*text).substr(kFilePrefix.size()), kMaxSecretBytes);
}

std::optional<std::string> Value::as_file(std::size_t max_bytes) const {
  const std::optional<std::string> name = scalar("the path of a file");
  return name ? read_named(*name, max_bytes) : std::nullopt;
}

std::optional<std::string> Value::read_named(std::string_view name, std::size_t max_bytes) const {
  // An absolute path replaces the folder.
  const auto folder = std::filesystem::path(diagnostics_->file()).parent_path();
  SourcedText content = read_file(folder / name, max_bytes);
  if (content.ok()) drop_last_line_break(content.text);
  if (content.ok() && content.text.empty()) content.problem = "it is empty";
  if (!content.ok()) {
    error("the file named here cannot be used: " + content.problem);
    return std::nullopt;
  }
  return std::move(content.text);
}

std::optional<bool> Value::as_bool() const {
  constexpr std::string_view kExpected = "true or false";
  const auto text = scalar(kExpected);
  if (!text) return std::nullopt;
  struct Word {
    std::string_view lower, title, upper;
    bool truth;
  };
  static constexpr std::array kWords = {Word{"true", "True", "TRUE", true}, Word{"false", "False", "FALSE", false},
                                        Word{"yes", "Yes", "YES", true},    Word{"no", "No", "NO", false},
                                        Word{"on", "On", "ON", true},       Word{"off", "Off", "OFF", false}};
  for (const Word& word : kWords) {
    if (*text == word.lower || *text == word.title || *text == word.upper) return word.truth;
  }
  mismatch(kExpected);
  return std::nullopt;
}

std::optional<std::int64_t> Value::as_integer(std::int64_t min, std::int64_t max) const {
  const std::string expected = "a whole number" + integer_bounds(min, max);
  const auto text = scalar(expected);
  if (!text) return std::nullopt;
  const auto number = parse_integer(*text);
  if (number && *number >= min && *number <= max) return number;
  mismatch(expected);
  return std::nullopt;
}

std::optional<std::uint64_t> Value::as_bytes(std::uint64_t min, std::uint64_t max) const {
  const auto units = byte_units();
  const std::string expected =
      "a size" + range(format_quantity(min, units), format_quantity(max, units)) + " (bytes, or with KiB, MiB, GiB)";
  const auto text = scalar(expected);
  if (!text) return std::nullopt;
  const auto bytes = parse_quantity(*text, units);
  if (bytes && *bytes >= min && *bytes <= max) return bytes;
  mismatch(expected);
  return std::nullopt;
}

std::optional<std::chrono::milliseconds> Value::as_duration(std::chrono::milliseconds min,
                                                            std::chrono::milliseconds max) const {
  const auto units = duration_units();
  const auto low = static_cast<std::uint64_t>(min.count());
  const auto high = static_cast<std::uint64_t>(max.count());
  const std::string expected =
      "a time" + range(format_quantity(low, units), format_quantity(high, units)) + " (seconds, or with ms, s, m, h)";
  const auto text = scalar(expected);
  if (!text) return std::nullopt;
  const auto quantity = parse_quantity(*text, units);
  if (quantity && *quantity >= low && *quantity <= high) {
    return std::chrono::milliseconds(static_cast<std::chrono::milliseconds::rep>(*quantity));
  }
  mismatch(expected);
  return std::nullopt;
}

std::optional<std::string> Value::as_choice(std::span<const std::string_view> choices) const {
  const std::string expected = (choices.size() > 1 ? "one of " : "") + util::join(choices);
  auto text = scalar(expected);
  if (!text || std::ranges::find(choices, std::string_view(*text)) != choices.end()) return text;
  mismatch(expected);
  return std::nullopt;
}

std::vector<Value> Value::as_list() const {
  std::vector<Value> items;
  if (!node_.IsDefined() || !node_.IsSequence()) {
    error("expected a list, found " + shape(node_));
    return items;
  }
  items.reserve(node_.size());
  for (const auto& item : node_) {
    items.emplace_back(item, mark_of(item), path_ + "[" + std::to_string(items.size()) + "]", *diagnostics_);
  }
  return items;
}

std::vector<std::string> Value::as_string_list() const {
  std::vector<std::string> texts;
  for (const Value& item : as_list()) {
    if (auto text = item.as_string()) texts.push_back(std::move(*text));
  }
  return texts;
}

}  // namespace mqttproxy::config
