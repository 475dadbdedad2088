#include <iostream>

#include "mqttproxy/downlink/kafka_bus.hpp"

#include "assembly.hpp"
#include "commands.hpp"
#include "exit_code.hpp"

namespace mqttproxy::app {

namespace {

int check_downlink_topic(const config::Config& config) {
  if (config.node.downlink.mode == config::DownlinkMode::Local) {
    std::cout << "downlink: mode local needs no topic\n";
    return kExitOk;
  }
  const downlink::KafkaBusOptions options = downlink::read_kafka_bus(config);
  const kafka::TopicCheck found = kafka::check_topic(options.backends, options.properties, options.topic);
  (found.ok ? std::cout : std::cerr) << "downlink: " << found.text << '\n';
  return found.ok ? kExitOk : kExitUsage;
}

}  // namespace

int check(const CheckOptions& options) {
  const auto config = load_and_validate(options.config);
  if (!config) return kExitUsage;
  std::cerr << config->diagnostics->format_warnings();
  std::cout << options.config << ": ok, " << config->proxies.size() << " MQTTProxy, " << config->pipelines.size()
            << " Pipeline\n";
  return options.connect ? check_downlink_topic(*config) : kExitOk;
}

}  // namespace mqttproxy::app
