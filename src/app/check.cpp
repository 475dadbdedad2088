#include <iostream>

#include "mqttproxy/cluster/cluster.hpp"

#include "assembly.hpp"
#include "commands.hpp"
#include "exit_code.hpp"

namespace mqttproxy::app {

namespace {

int check_topics(const config::Config& config) {
  if (config.node.downlink.mode == config::DownlinkMode::Local) {
    std::cout << "downlink: mode local needs no topics\n";
    return kExitOk;
  }
  const cluster::ClusterOptions options = cluster::read_cluster(config);
  int code = kExitOk;
  for (const kafka::TopicPlan& topic : {options.downlink, options.sessions}) {
    const kafka::TopicCheck found = kafka::check_topic(options.backends, options.properties, topic);
    (found.ok ? std::cout : std::cerr) << "downlink: " << found.text << '\n';
    if (!found.ok) code = kExitUsage;
  }
  return code;
}

}  // namespace

int check(const CheckOptions& options) {
  const auto config = load_and_validate(options.config);
  if (!config) return kExitUsage;
  std::cerr << config->diagnostics->format_warnings();
  std::cout << options.config << ": ok, " << config->proxies.size() << " MQTTProxy, " << config->pipelines.size()
            << " Pipeline\n";
  return options.connect ? check_topics(*config) : kExitOk;
}

}  // namespace mqttproxy::app
