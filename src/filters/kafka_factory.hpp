// From a Kafka filter's configuration to the filter, with the producer it shares.
#pragma once

#include <memory>

#include "mqttproxy/filters/register.hpp"
#include "mqttproxy/pipeline/filter.hpp"

namespace mqttproxy::filters {

/// The factory of the Kafka kind. What librdkafka says to a set of options is asked once: a pipeline is built for every
/// worker, and each question costs a producer.
[[nodiscard]] std::function<std::unique_ptr<pipeline::Filter>(const pipeline::FilterBuild&)> kafka_factory(
    const Services& services);

}  // namespace mqttproxy::filters
