#include "assembly.hpp"

#include <iostream>

#include "mqttproxy/downlink/kafka_bus.hpp"
#include "mqttproxy/filters/register.hpp"
#include "mqttproxy/net/server.hpp"

namespace mqttproxy::app {

namespace {

/// Takes nothing: stands where a producer would while a configuration is only checked.
class NoSink final : public kafka::RecordSink {
 public:
  kafka::Topic* open_topic(std::string_view, kafka::TopicError&) override { return nullptr; }
  kafka::ProduceResult produce(const kafka::Record&) noexcept override { return kafka::ProduceResult::Failed; }
};

}  // namespace

SinkFor sink_nowhere() {
  return [sink = std::make_shared<NoSink>()](const kafka::ProducerOptions&) -> std::shared_ptr<kafka::RecordSink> {
    return sink;
  };
}

pipeline::FilterRegistry make_registry(const SinkFor& sink_for, util::TaskPool* hashing) {
  pipeline::FilterRegistry registry;
  filters::register_all(registry, {sink_for, hashing});
  return registry;
}

std::vector<std::shared_ptr<pipeline::Pipeline>> build_pipelines(const config::Config& config,
                                                                 const pipeline::FilterRegistry& registry,
                                                                 pipeline::WorkerFilterStats* stats) {
  std::vector<std::shared_ptr<pipeline::Pipeline>> pipelines;
  for (const config::PipelineConfig& pipeline : config.pipelines) {
    pipelines.push_back(pipeline::build(pipeline, registry, stats));
  }
  return pipelines;
}

std::optional<config::Config> load_and_validate(const std::shared_ptr<config::Diagnostics>& diagnostics) {
  std::optional<config::Config> config = config::load_for_check(diagnostics->file(), diagnostics);
  if (config) {  // errors elsewhere do not keep those inside filters from being reported
    (void)build_pipelines(*config, make_registry(sink_nowhere()));
    net::check_tls(*config);
    if (config->node.downlink.mode == config::DownlinkMode::Kafka) (void)cluster::read_cluster(*config);
  }
  return diagnostics->ok() ? std::move(config) : std::nullopt;
}

std::optional<config::Config> load_and_validate(const std::string& file) {
  const auto diagnostics = std::make_shared<config::Diagnostics>(file);
  std::optional<config::Config> config = load_and_validate(diagnostics);
  if (!config) std::cerr << diagnostics->format_errors();
  return config;
}

std::unique_ptr<downlink::Bus> make_bus(const config::Config& config, std::vector<downlink::WorkerPort*> workers,
                                        metrics::Registry& metrics) {
  if (config.node.downlink.mode == config::DownlinkMode::Local) return downlink::make_local_bus(std::move(workers));
  return downlink::make_kafka_bus(downlink::read_kafka_bus(config), std::move(workers), metrics);
}

std::unique_ptr<cluster::Cluster> make_cluster(const config::Config& config, metrics::Registry& metrics) {
  if (config.node.downlink.mode == config::DownlinkMode::Local) return nullptr;
  return cluster::Cluster::create(cluster::read_cluster(config), metrics);
}

}  // namespace mqttproxy::app
