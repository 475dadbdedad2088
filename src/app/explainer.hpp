// What a PUBLISH would become, through the same pipeline the daemon runs: for the command line and the API.
#pragma once

#include <memory>
#include <string>

#include "mqttproxy/config/config.hpp"
#include "mqttproxy/http/explanation.hpp"
#include "mqttproxy/pipeline/pipeline.hpp"

namespace mqttproxy::app {

/// For one question: what filters keep of the topics they have seen goes with it.
class Explainer {
 public:
  /// Builds the Publish pipeline of the proxy. Thread: main, as everything that reads a configuration.
  Explainer(std::shared_ptr<const config::Config> config, http::Question question);

  /// Produces nothing. For the partition it asks Kafka, three seconds at most for each record. Thread: any, once.
  [[nodiscard]] http::Explanation explain();

 private:
  [[nodiscard]] const config::ProxyConfig* find_proxy() const;
  [[nodiscard]] std::string problem() const;

  const std::shared_ptr<const config::Config> config_;
  const http::Question question_;
  const config::ProxyConfig* const proxy_;  // nullptr: none has that name
  std::unique_ptr<pipeline::Pipeline> pipeline_;
  http::Explanation explanation_;
};

}  // namespace mqttproxy::app
