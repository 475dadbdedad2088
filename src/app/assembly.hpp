// From configuration to pipelines and producers: what daemon, check and explain have in common.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "mqttproxy/cluster/cluster.hpp"
#include "mqttproxy/config/config.hpp"
#include "mqttproxy/downlink/bus.hpp"
#include "mqttproxy/kafka/producer.hpp"
#include "mqttproxy/metrics/metrics.hpp"
#include "mqttproxy/pipeline/pipeline.hpp"
#include "mqttproxy/util/task_pool.hpp"

namespace mqttproxy::app {

/// Reads and validates everything, filters included. nullopt: the errors are printed to stderr, exit with kExitUsage.
/// Warnings are left to the caller (Config::diagnostics).
[[nodiscard]] std::optional<config::Config> load_and_validate(const std::string& file);

using SinkFor = std::function<kafka::RecordSink&(const kafka::ProducerOptions&)>;

/// Every filter kind. `hashing`: see filters::Services; nullptr where no CONNECT will run. Keep it for all workers:
/// what a factory has once asked librdkafka is not asked again.
[[nodiscard]] pipeline::FilterRegistry make_registry(const SinkFor& sink_for, util::TaskPool* hashing = nullptr);

/// All pipelines of the configuration, by index; a nullptr for each that is wrong (see the diagnostics).
[[nodiscard]] std::vector<std::unique_ptr<pipeline::Pipeline>> build_pipelines(
    const config::Config& config, const pipeline::FilterRegistry& registry);

/// As downlink.mode says. The workers must outlive it.
[[nodiscard]] std::unique_ptr<downlink::Bus> make_bus(const config::Config& config,
                                                      std::vector<downlink::WorkerPort*> workers,
                                                      metrics::Registry& metrics);

/// nullptr with downlink.mode local.
[[nodiscard]] std::unique_ptr<cluster::Cluster> make_cluster(const config::Config& config, metrics::Registry& metrics);

/// One producer per distinct set of options, shared by all workers.
class ProducerPool {
 public:
  ProducerPool(std::vector<kafka::ReportSink*> lanes, metrics::Registry& metrics)
      : lanes_(std::move(lanes)), metrics_(metrics) {}

  [[nodiscard]] kafka::RecordSink& get(const kafka::ProducerOptions& options);
  /// Why producers are not ready; empty when all are. Any thread, once the pipelines are built.
  [[nodiscard]] std::vector<std::string> reasons_not_ready() const;
  /// Drains all, at most `timeout` together; returns how many records were given up.
  [[nodiscard]] std::size_t drain(std::chrono::milliseconds timeout);

 private:
  struct Entry {
    kafka::ProducerOptions options;
    std::unique_ptr<kafka::Producer> producer;
  };
  std::vector<kafka::ReportSink*> lanes_;
  metrics::Registry& metrics_;
  std::vector<Entry> entries_;
};

}  // namespace mqttproxy::app
