#include "acl.hpp"

#include <algorithm>

namespace mqttproxy::filters {

namespace {

using pipeline::FilterResult;

constexpr std::string_view kReason = "publish not allowed by the ACL";

bool concerns(const AclRule& rule, const pipeline::Client& client) noexcept {
  if (rule.clients && !rule.clients->contains(client.client_id)) return false;
  return !rule.users || (client.username && rule.users->contains(*client.username));
}

}  // namespace

FilterResult Acl::handle(pipeline::Context& context) noexcept {
  if (context.subscribe != nullptr) judge_subscribe(context);
  return context.type == mqtt::PacketType::Publish ? judge_publish(context) : pipeline::kSuccess;
}

FilterResult Acl::judge_publish(const pipeline::Context& context) {
  if (context.publish == nullptr) return kNotAllowed;
  const std::size_t rule = find_rule(context.client, &AclRule::publish, context.publish->topic);
  if (context.trace) {
    const bool by_default = rule == options_.rules.size();
    context.trace(name_, (by_default ? "no rule" : "rules[" + std::to_string(rule) + "]") +
                             (allows(rule) ? ": allowed" : ": not allowed"));
  }
  return allows(rule) ? pipeline::kSuccess : kNotAllowed;
}

void Acl::judge_subscribe(pipeline::Context& context) {
  const auto& requests = context.subscribe->requests;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    if (!allows(find_rule(context.client, &AclRule::subscribe, requests[i].filter))) context.refuse_filter(i);
  }
}

bool Acl::unhandled(pipeline::Context& context, FilterResult /*result*/) noexcept {
  options_.on_deny == OnDeny::Drop ? context.drop(kReason) : context.disconnect(kReason);
  return false;
}

bool Acl::hits(const AclRule& rule, const pipeline::Client& client, std::string_view mqtt_topic) {
  return std::ranges::any_of(rule.topics, [&](const TopicPattern& pattern) {
    const std::optional<std::string_view> filter = pattern.expand(client, buffer_);
    if (!filter) return !rule.allow;  // fail closed, whichever the rule says
    return rule.allow ? covers(*filter, mqtt_topic) : overlaps(*filter, mqtt_topic);
  });
}

std::size_t Acl::find_rule(const pipeline::Client& client, bool AclRule::*operation, std::string_view mqtt_topic) {
  std::size_t index = 0;
  for (const AclRule& rule : options_.rules) {
    if (rule.*operation && concerns(rule, client) && hits(rule, client, mqtt_topic)) break;
    ++index;
  }
  return index;
}

bool Acl::allows(std::size_t rule) const noexcept {
  return rule < options_.rules.size() ? options_.rules[rule].allow : options_.allow_by_default;
}

}  // namespace mqttproxy::filters
