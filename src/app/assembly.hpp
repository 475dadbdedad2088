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

/// Reads and validates everything, filters included; errors and warnings are in the diagnostics. nullopt when there are
/// errors.
[[nodiscard]] std::optional<config::Config> load_and_validate(const std::shared_ptr<config::Diagnostics>& diagnostics);
/// The same for a command: its errors are printed to stderr, exit with kExitUsage. Warnings are left to the caller.
[[nodiscard]] std::optional<config::Config> load_and_validate(const std::string& file);

using SinkFor = std::function<std::shared_ptr<kafka::RecordSink>(const kafka::ProducerOptions&)>;

/// Sinks that take nothing: where a configuration is only looked at.
[[nodiscard]] SinkFor sink_nowhere();

/// Every filter kind. `hashing`: see filters::Services; nullptr where no CONNECT will run. Keep it for all workers:
/// what a factory has once asked librdkafka is not asked again.
[[nodiscard]] pipeline::FilterRegistry make_registry(const SinkFor& sink_for, util::TaskPool* hashing = nullptr);

/// All pipelines of the configuration, by index; a nullptr for each that is wrong (see the diagnostics). `stats`: see
/// pipeline::build().
[[nodiscard]] std::vector<std::shared_ptr<pipeline::Pipeline>> build_pipelines(
    const config::Config& config, const pipeline::FilterRegistry& registry,
    pipeline::WorkerFilterStats* stats = nullptr);

/// As downlink.mode says. The workers must outlive it.
[[nodiscard]] std::unique_ptr<downlink::Bus> make_bus(const config::Config& config,
                                                      std::vector<downlink::WorkerPort*> workers,
                                                      metrics::Registry& metrics);

/// nullptr with downlink.mode local.
[[nodiscard]] std::unique_ptr<cluster::Cluster> make_cluster(const config::Config& config, metrics::Registry& metrics);

}  // namespace mqttproxy::app
