#include "status.hpp"

#include <algorithm>

#include "json.hpp"

namespace mqttproxy::http {

namespace {

Json to_json(const config::ListenerConfig& listener) {
  const bool is_ipv6 = listener.endpoint.host.find(':') != std::string::npos;
  const std::string host = is_ipv6 ? "[" + listener.endpoint.host + "]" : listener.endpoint.host;
  return {{"address", host + ":" + std::to_string(listener.endpoint.port)},
          {"tls", listener.tls.has_value()},
          {"proxyProtocol", listener.proxy_protocol}};
}

Json flow_of(const config::PipelineConfig& pipeline) {
  Json flow = Json::array();
  for (const config::FlowConfig& node : pipeline.flow) {
    const auto filter = std::ranges::find(pipeline.filters, node.filter, &config::FilterConfig::name);
    Json jumps = Json::object();
    for (const config::JumpConfig& jump : node.jump_if) jumps[jump.result] = jump.target;
    flow.push_back({{"filter", node.filter},
                    {"kind", filter == pipeline.filters.end() ? Json() : Json(filter->kind)},
                    {"jumpIf", std::move(jumps)}});
  }
  return flow;
}

Json to_json(const config::ProxyConfig& proxy, const config::Config& config) {
  Json listeners = Json::array();
  for (const config::ListenerConfig& listener : proxy.listeners) listeners.push_back(to_json(listener));
  Json rules = Json::array();
  for (std::size_t type = 0; type < proxy.pipelines.size(); ++type) {
    if (!proxy.pipelines[type]) continue;
    const config::PipelineConfig& pipeline = config.pipelines[*proxy.pipelines[type]];
    rules.push_back(
        {{"packetType", config::kRuleTypes[type]}, {"pipeline", pipeline.name}, {"flow", flow_of(pipeline)}});
  }
  return {{"name", proxy.name}, {"listeners", std::move(listeners)}, {"rules", std::move(rules)}};
}

}  // namespace

Answer describe_proxies(const config::Config& config) {
  Json proxies = Json::array();
  for (const config::ProxyConfig& proxy : config.proxies) proxies.push_back(to_json(proxy, config));
  return {.body = dump({{"node", config.node.name}, {"proxies", std::move(proxies)}})};
}

Answer list_errors(const util::RecentLog& log) {
  Json kinds = Json::array();
  for (const util::RecentLog::Kind& kind : log.kinds()) {
    Json latest = Json::array();
    for (const util::RecentLog::Line& line : kind.latest) {
      const auto level = spdlog::level::to_string_view(line.level);
      latest.push_back(
          {{"time", timestamp(line.time)}, {"level", std::string(level.data(), level.size())}, {"text", line.text}});
    }
    kinds.push_back({{"kind", kind.name}, {"count", kind.count}, {"latest", std::move(latest)}});
  }
  return {.body = dump({{"kinds", std::move(kinds)}})};
}

}  // namespace mqttproxy::http
