// Reads ACL's keys.
#include "acl_options.hpp"

#include <array>
#include <utility>

#include "acl.hpp"
#include "common.hpp"

namespace mqttproxy::filters {

namespace {

constexpr std::array<std::string_view, 3> kOperations = {"publish", "subscribe", "all"};
constexpr std::array<std::string_view, 2> kDefaults = {"allow", "deny"};
constexpr std::array<std::string_view, 2> kOnDeny = {"disconnect", "drop"};

void read_operation(config::Object& object, AclRule& rule) {
  const auto allow = object.find_set("allow");
  const auto deny = object.find_set("deny");
  if (allow.has_value() == deny.has_value()) {
    object.value().error("needs either allow or deny: publish, subscribe or all");
    return;
  }
  rule.allow = allow.has_value();
  const std::string operation = (allow ? *allow : *deny).as_choice(kOperations).value_or("");
  rule.publish = operation != "subscribe";
  rule.subscribe = operation != "publish";
}

void read_topics(config::Object& object, AclRule& rule) {
  const auto topics = object.require("topics");
  if (!topics) return;
  const std::vector<config::Value> items = topics->as_list();
  if (topics->node().IsSequence() && items.empty()) topics->error("needs at least one topic filter");
  for (const config::Value& item : items) {
    const std::optional<std::string> text = item.as_string();
    if (!text) continue;
    std::string problem;
    if (auto pattern = TopicPattern::parse(*text, problem)) {
      rule.topics.push_back(std::move(*pattern));
    } else {
      item.error(problem);
    }
  }
}

/// A list that is there and empty is no list of everybody.
std::optional<StringSet> read_names(config::Object& object, std::string_view key) {
  const auto value = object.find(key);
  if (!value) return std::nullopt;
  if (value->is_null() || (value->node().IsSequence() && value->node().size() == 0)) {
    value->error("is empty: leave it out for everybody");
    return std::nullopt;
  }
  StringSet names;
  for (std::string& name : value->as_string_list()) names.insert(std::move(name));
  return names;
}

AclRule read_rule(const config::Value& entry) {
  AclRule rule;
  config::Object object(entry);
  if (object.valid()) read_operation(object, rule);
  read_topics(object, rule);
  rule.users = read_names(object, "users");
  rule.clients = read_names(object, "clients");
  object.finish();
  return rule;
}

}  // namespace

std::unique_ptr<pipeline::Filter> make_acl(const pipeline::FilterBuild& build) {
  const Reading reading(build.config);
  config::Object object(reading.value());
  ignore_common_keys(object);
  AclOptions options;
  if (const auto rules = object.require("rules")) {
    for (const config::Value& entry : rules->as_list()) options.rules.push_back(read_rule(entry));
    if (rules->node().IsSequence() && rules->node().size() == 0) rules->error("needs at least one rule");
  }
  if (const auto value = object.find_set("default")) {
    options.allow_by_default = value->as_choice(kDefaults).value_or("") == "allow";
  }
  if (const auto value = object.find_set("onDeny")) {
    if (value->as_choice(kOnDeny).value_or("") == "drop") options.on_deny = OnDeny::Drop;
  }
  object.finish();
  if (!reading.publish()) return nullptr;
  return std::make_unique<Acl>(build.config.name, std::move(options));
}

}  // namespace mqttproxy::filters
