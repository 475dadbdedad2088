#include "connect_control.hpp"

#include <stdexcept>
#include <utility>

#include "common.hpp"

namespace mqttproxy::filters {

namespace {

BanList read_bans(config::Object& object, std::string_view names_key, std::string_view expression_key) {
  BanList list;
  if (const auto names = object.find_set(names_key)) {
    for (std::string& name : names->as_string_list()) list.names.insert(std::move(name));
  }
  const auto value = object.find_set(expression_key);
  const std::optional<std::string> pattern = value ? value->as_string() : std::nullopt;
  if (!pattern || pattern->empty()) return list;
  try {
    list.expression.emplace(*pattern);
  } catch (const std::invalid_argument& problem) {
    value->error(std::string("no RE2 expression: ") + problem.what());
  }
  return list;
}

}  // namespace

pipeline::FilterResult ConnectControl::handle(pipeline::Context& context) noexcept {
  if (context.subscribe != nullptr) refuse_banned_filters(context);
  const bool connects = context.type == mqtt::PacketType::Connect;
  if (!connects && context.type != mqtt::PacketType::Publish) return pipeline::kSuccess;
  if (options_.clients.bans(context.client.client_id)) {
    if (connects) {
      context.refuse(mqtt::ConnectReturnCode::NotAuthorized, "client id is banned");
    } else {
      context.disconnect("client id is banned");
    }
    return kBanned;
  }
  if (!connects && options_.topics.bans(context.publish->topic)) {
    context.disconnect("topic is banned");
    return kBanned;
  }
  return pipeline::kSuccess;
}

void ConnectControl::refuse_banned_filters(pipeline::Context& context) noexcept {
  const auto& requests = context.subscribe->requests;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    if (options_.topics.bans(requests[i].filter)) context.refuse_filter(i);
  }
}

std::unique_ptr<pipeline::Filter> ConnectControl::make(const pipeline::FilterBuild& build) {
  const Reading reading(build.config);
  config::Object object(reading.value());
  ignore_common_keys(object);
  ConnectControlOptions options;
  options.clients = read_bans(object, "bannedClients", "bannedClientRe");
  options.topics = read_bans(object, "bannedTopics", "bannedTopicRe");
  object.finish();
  if (!reading.publish()) return nullptr;
  return std::make_unique<ConnectControl>(std::move(options));
}

}  // namespace mqttproxy::filters
