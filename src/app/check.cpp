#include <iostream>

#include "assembly.hpp"
#include "commands.hpp"
#include "exit_code.hpp"

namespace mqttproxy::app {

int check(const CheckOptions& options) {
  const auto config = load_and_validate(options.config);
  if (!config) return kExitUsage;
  std::cerr << config->diagnostics->format_warnings();
  std::cout << options.config << ": ok, " << config->proxies.size() << " MQTTProxy, " << config->pipelines.size()
            << " Pipeline\n";
  return kExitOk;
}

}  // namespace mqttproxy::app
