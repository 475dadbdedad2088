#include <algorithm>

#include "mqttproxy/config/value.hpp"
#include "mqttproxy/util/text.hpp"

#include "place.hpp"
#include "quantity.hpp"

namespace mqttproxy::config {

namespace {

void remember(std::vector<std::string>& names, std::string_view name) {
  if (std::ranges::find(names, name) == names.end()) names.emplace_back(name);
}

}  // namespace

Object::Object(const Value& value) : value_(value) {
  const YAML::Node& node = value.node();
  valid_ = node.IsDefined() && node.IsMap();
  if (!valid_) {
    value.error("expected a map (\"key: value\" lines), found " + (node.IsScalar() ? "text" : describe(node)));
    return;
  }
  for (const auto& pair : node) {
    const Mark mark = mark_of(pair.first);
    if (!pair.first.IsScalar()) {
      value.diagnostics().error(mark, value.path(), "a key must be text, found " + describe(pair.first));
      continue;
    }
    const std::string& key = pair.first.Scalar();
    const Value child(pair.second, mark, child_path(value.path(), key), value.diagnostics());
    if (const Entry* first = entry(key)) {
      child.error("repeated key; it is already in line " + std::to_string(first->value.mark().line));
      continue;
    }
    entries_.push_back(Entry{key, child});
  }
}

Object::Entry* Object::entry(std::string_view key) {
  const auto found = std::ranges::find(entries_, key, &Entry::key);
  return found == entries_.end() ? nullptr : &*found;
}

std::optional<Value> Object::find(std::string_view key) {
  remember(allowed_, key);
  Entry* const found = entry(key);
  if (found == nullptr) return std::nullopt;
  found->known = true;
  return found->value;
}

std::optional<Value> Object::find_set(std::string_view key) {
  auto value = find(key);
  if (value && value->is_null()) return std::nullopt;
  return value;
}

std::optional<Value> Object::require(std::string_view key) {
  auto value = find(key);
  if (!valid_) return std::nullopt;
  if (!value) {
    value_.error('"' + std::string(key) + "\" is missing");
    return std::nullopt;
  }
  if (value->is_null()) {
    value->error("must not be empty");
    return std::nullopt;
  }
  return value;
}

std::vector<std::pair<std::string, Value>> Object::entries() {
  std::vector<std::pair<std::string, Value>> out;
  out.reserve(entries_.size());
  for (Entry& each : entries_) {
    each.known = true;
    out.emplace_back(each.key, each.value);
  }
  return out;
}

std::string Object::string_or(std::string_view key, std::string fallback) {
  const auto value = find_set(key);
  auto text = value ? value->as_string() : std::nullopt;
  return text ? std::move(*text) : std::move(fallback);
}

bool Object::bool_or(std::string_view key, bool fallback) {
  const auto value = find_set(key);
  return value ? value->as_bool().value_or(fallback) : fallback;
}

std::int64_t Object::integer_or(std::string_view key, std::int64_t fallback, std::int64_t min, std::int64_t max) {
  const auto value = find_set(key);
  return value ? value->as_integer(min, max).value_or(fallback) : fallback;
}

std::uint64_t Object::bytes_or(std::string_view key, std::uint64_t fallback, std::uint64_t min, std::uint64_t max) {
  const auto value = find_set(key);
  return value ? value->as_bytes(min, max).value_or(fallback) : fallback;
}

std::chrono::milliseconds Object::duration_or(std::string_view key, std::chrono::milliseconds fallback,
                                              std::chrono::milliseconds min, std::chrono::milliseconds max) {
  const auto value = find_set(key);
  return value ? value->as_duration(min, max).value_or(fallback) : fallback;
}

void Object::obsolete(std::string_view key, std::string_view hint) {
  Entry* const found = entry(key);
  if (found == nullptr) return;
  found->known = true;
  found->value.error("a key of older versions; " + std::string(hint));
}

void Object::ignore(std::string_view key) {
  remember(ignored_, key);
  if (Entry* const found = entry(key)) found->known = true;
}

void Object::finish() {
  // The published examples put the level numbers beside `headers:` where they belong below it.
  const Entry* const headers = entry("headers");
  const bool slip_possible = headers != nullptr && headers->value.is_null();
  bool slip_reported = false;
  for (Entry& each : entries_) {
    if (each.known) continue;
    if (!slip_possible || !parse_integer(each.key)) {
      report_unknown(each);
    } else if (!slip_reported) {
      each.value.error("this key stands beside \"headers\", which is empty: indent 0, 1, 2 … below headers");
      slip_reported = true;
    }
  }
}

void Object::report_unknown(const Entry& unknown) const {
  if (unknown.key == "<<") {
    unknown.value.error("YAML merge keys are not supported; write the keys out");
    return;
  }
  std::vector<std::string_view> names(allowed_.begin(), allowed_.end());
  const std::string allowed = names.empty() ? "no key is allowed here" : "allowed here: " + util::join(names);
  names.insert(names.end(), ignored_.begin(), ignored_.end());
  const std::string_view near = util::nearest(unknown.key, names);
  const std::string hint = near.empty() ? "; " : ", did you mean \"" + std::string(near) + "\"? ";
  unknown.value.error("unknown key" + hint + allowed);
}

}  // namespace mqttproxy::config
