#include "assembly.hpp"

#include <algorithm>
#include <iostream>

#include "mqttproxy/downlink/kafka_bus.hpp"
#include "mqttproxy/filters/register.hpp"
#include "mqttproxy/net/server.hpp"
#include "mqttproxy/util/deadline.hpp"

namespace mqttproxy::app {

namespace {

/// Takes nothing: stands where a producer would while a configuration is only checked.
class NoSink final : public kafka::RecordSink {
 public:
  kafka::Topic* open_topic(std::string_view, kafka::TopicError&) override { return nullptr; }
  kafka::ProduceResult produce(const kafka::Record&) noexcept override { return kafka::ProduceResult::Failed; }
};

}  // namespace

pipeline::FilterRegistry make_registry(const SinkFor& sink_for, util::TaskPool* hashing) {
  pipeline::FilterRegistry registry;
  filters::register_all(registry, {sink_for, hashing});
  return registry;
}

std::vector<std::unique_ptr<pipeline::Pipeline>> build_pipelines(const config::Config& config,
                                                                 const pipeline::FilterRegistry& registry) {
  std::vector<std::unique_ptr<pipeline::Pipeline>> pipelines;
  for (const config::PipelineConfig& pipeline : config.pipelines) {
    pipelines.push_back(pipeline::build(pipeline, registry));
  }
  return pipelines;
}

std::optional<config::Config> load_and_validate(const std::string& file) {
  const auto diagnostics = std::make_shared<config::Diagnostics>(file);
  std::optional<config::Config> config = config::load_for_check(file, diagnostics);
  if (config) {  // errors elsewhere do not keep those inside filters from being reported
    NoSink sink;
    (void)build_pipelines(*config,
                          make_registry([&sink](const kafka::ProducerOptions&) -> kafka::RecordSink& { return sink; }));
    net::check_tls(*config);
    if (config->node.downlink.mode == config::DownlinkMode::Kafka) (void)cluster::read_cluster(*config);
  }
  if (!diagnostics->ok()) {
    std::cerr << diagnostics->format_errors();
    return std::nullopt;
  }
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

kafka::RecordSink& ProducerPool::get(const kafka::ProducerOptions& options) {
  const auto it = std::ranges::find(entries_, options, &Entry::options);
  if (it != entries_.end()) return *it->producer;
  entries_.push_back({options, kafka::Producer::create(options, lanes_, metrics_)});
  return *entries_.back().producer;
}

std::vector<std::string> ProducerPool::reasons_not_ready() const {
  std::vector<std::string> reasons;
  for (const Entry& entry : entries_) {
    if (kafka::Health health = entry.producer->health(); !health.ready) reasons.push_back(std::move(health.reason));
  }
  return reasons;
}

std::size_t ProducerPool::drain(std::chrono::milliseconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  std::size_t given_up = 0;
  for (const Entry& entry : entries_) {
    given_up += entry.producer->drain(util::time_left(deadline));
  }
  return given_up;
}

}  // namespace mqttproxy::app
