#include "topic_mapper_options.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <stdexcept>
#include <string_view>

#include "mqttproxy/util/text.hpp"

#include "common.hpp"
#include "identity_headers.hpp"

namespace mqttproxy::filters {

namespace {

using Policy = TopicMapperOptions::Policy;

/// By OnNoMatch.
constexpr std::array<std::string_view, 4> kOnNoMatch = {"default", "deadLetter", "drop", "disconnect"};

/// A topic name has at most 65,535 bytes, so this many levels.
constexpr std::int64_t kMaxLevelIndex = 65'535;

std::size_t read_index(config::Object& object, std::string_view key) {
  return static_cast<std::size_t>(object.integer_or(key, 0, 0, kMaxLevelIndex));
}

bool is_empty_list(const config::Value& value) {
  return value.node().IsSequence() && value.node().size() == 0;
}

std::optional<Expression> read_expression(const config::Value& value) {
  const std::optional<std::string> pattern = value.as_string();
  if (!pattern) return std::nullopt;
  try {
    return Expression(*pattern);
  } catch (const std::invalid_argument& problem) {
    value.error("bad regular expression (RE2 syntax): " + std::string(problem.what()));
    return std::nullopt;
  }
}

void read_kafka_topic(const config::Value& entry, Policy& policy) {
  config::Object object(entry);
  const auto topic = object.require("topic");
  const auto exprs = object.require("exprs");
  object.finish();
  std::string name;
  if (topic) name = topic->as_string().value_or("");
  if (topic) check_kafka_topic(*topic, name);
  std::vector<Expression> expressions;
  if (exprs) {
    for (const config::Value& value : exprs->as_list()) {
      if (auto expression = read_expression(value)) expressions.push_back(std::move(*expression));
    }
    if (is_empty_list(*exprs)) exprs->error("needs at least one regular expression");
  }
  // A topic named twice counts at its first place, with the expressions of both (as Easegress does).
  auto same = std::ranges::find(policy.topics, name, &TopicMapperOptions::KafkaTopic::name);
  if (same == policy.topics.end()) {
    policy.topics.push_back({std::move(name), std::move(expressions)});
    return;
  }
  if (topic) topic->warning("named before: its expressions count as if they stood there");
  std::ranges::move(expressions, std::back_inserter(same->expressions));
}

void read_header(const std::string& key, const config::Value& value, Policy& policy) {
  std::size_t level = 0;
  const auto [end, problem] = std::from_chars(key.data(), key.data() + key.size(), level);
  if (problem != std::errc() || end != key.data() + key.size() || level > kMaxLevelIndex) {
    value.error("the key of a header is the number of a topic level: 0, 1, 2 …");
    return;
  }
  const std::optional<std::string> name = value.as_string();
  if (!name) return;
  if (name->empty()) {
    value.error("a header name must not be empty");
  } else if (std::ranges::any_of(policy.headers, [&](const auto& other) { return other.second == *name; })) {
    value.error("duplicated header name " + *name);
  } else if (std::ranges::any_of(policy.headers, [&](const auto& other) { return other.first == level; })) {
    value.error("level " + std::to_string(level) + " is listed twice");
  } else {
    policy.headers.emplace_back(level, *name);
  }
  if (is_identity_header(*name)) {
    value.warning("the Kafka filter writes a header " + *name +
                  " of its own, which wins unless its list `headers` leaves it out");
  }
}

std::string read_policy_name(config::Object& object, const TopicMapperOptions& options) {
  const auto value = object.require("name");
  std::string name = value ? value->as_string().value_or("") : "";
  if (value && name.empty()) {
    value->error("must not be empty");
  } else if (value && std::ranges::count(options.policies, name, &Policy::name) != 0) {
    value->error("duplicated policy name " + name);
  }
  return name;
}

void read_policy(const config::Value& entry, TopicMapperOptions& options) {
  Policy policy;
  config::Object object(entry);
  policy.name = read_policy_name(object, options);
  policy.topic_index = read_index(object, "topicIndex");
  if (const auto route = object.require("route")) {
    for (const config::Value& topic : route->as_list()) read_kafka_topic(topic, policy);
    if (is_empty_list(*route)) route->error("needs at least one entry {topic, exprs}");
  }
  if (const auto headers = object.find_set("headers")) {
    config::Object map(*headers);
    for (const auto& [key, value] : map.entries()) read_header(key, value, policy);
    std::ranges::sort(policy.headers);
  }
  object.finish();
  options.policies.push_back(std::move(policy));
}

std::optional<std::size_t> find_policy(const config::Value& value, const TopicMapperOptions& options) {
  const std::optional<std::string> name = value.as_string();
  if (!name) return std::nullopt;
  const auto found = std::ranges::find(options.policies, *name, &Policy::name);
  if (found != options.policies.end()) return static_cast<std::size_t>(found - options.policies.begin());
  std::vector<std::string_view> names;
  for (const Policy& policy : options.policies) names.emplace_back(policy.name);
  std::string text =
      "unknown policy " + *name + (names.empty() ? "; there are none" : "; policies: " + util::join(names));
  if (const auto nearest = util::nearest(*name, names); !nearest.empty()) {
    text += "; did you mean " + std::string(nearest) + "?";
  }
  value.error(std::move(text));
  return std::nullopt;
}

void read_routes(const config::Value& value, TopicMapperOptions& options) {
  std::vector<bool> used(options.policies.size());
  for (const config::Value& entry : value.as_list()) {
    config::Object object(entry);
    const auto name = object.require("name");
    const auto match = object.require("matchExpr");
    object.finish();
    const std::optional<std::size_t> policy = name ? find_policy(*name, options) : std::nullopt;
    std::optional<Expression> expression = match ? read_expression(*match) : std::nullopt;
    if (policy) used[*policy] = true;
    if (policy && expression) options.routes.push_back({std::move(*expression), *policy});
  }
  for (std::size_t i = 0; i < used.size(); ++i) {
    if (!used[i]) value.warning("no entry leads to policy " + options.policies[i].name);
  }
}

void read_set_kv(config::Object& object, TopicMapperOptions& options) {
  const auto value = object.find_set("setKV");
  if (value) {
    config::Object keys(*value);
    options.topic_key = keys.string_or("topic", "");
    options.header_key = keys.string_or("headers", "");
    keys.finish();
  }
  if (!options.is_empty() && options.topic_key.empty() && options.header_key.empty()) {
    (value ? *value : object.value())
        .error(
            "setKV must name where the result goes: {topic: KEY, headers: KEY}, as in mqtt.topicKey and "
            "mqtt.headerKey of the Kafka filter");
  }
}

std::optional<OnNoMatch> read_on_no_match(config::Object& object) {
  const auto value = object.find_set("onNoMatch");
  if (!value) return std::nullopt;
  const std::optional<std::string> text = value->as_choice(kOnNoMatch);
  if (!text) return std::nullopt;
  return static_cast<OnNoMatch>(std::ranges::find(kOnNoMatch, *text) - kOnNoMatch.begin());
}

}  // namespace

std::string_view to_string(OnNoMatch value) noexcept {
  return kOnNoMatch[static_cast<std::size_t>(value)];
}

TopicMapperOptions read_topic_mapper(const config::Value& value) {
  TopicMapperOptions options;
  config::Object object(value);
  ignore_common_keys(object);
  options.match_index = read_index(object, "matchIndex");
  const auto policies = object.find_set("policies");
  const auto routes = object.find_set("route");
  if (policies) {
    for (const config::Value& entry : policies->as_list()) read_policy(entry, options);
  }
  if (routes) read_routes(*routes, options);
  if (!options.policies.empty() && (!routes || is_empty_list(*routes))) {
    (routes ? *routes : object.value()).error("route is empty: no message would ever reach a policy");
  }
  read_set_kv(object, options);
  options.on_no_match = read_on_no_match(object);
  object.finish();
  return options;
}

}  // namespace mqttproxy::filters
