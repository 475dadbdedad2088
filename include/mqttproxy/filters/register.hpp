// Every filter kind of this project.
#pragma once

#include <functional>

#include "mqttproxy/kafka/producer.hpp"
#include "mqttproxy/pipeline/filter.hpp"

namespace mqttproxy::filters {

struct Services {
  /// The sink for a Kafka filter's options; called at build time, equal options get the same sink. A sink outlives the
  /// filters. Throws std::runtime_error with librdkafka's reason.
  std::function<kafka::RecordSink&(const kafka::ProducerOptions&)> sink;
};

/// Adds MQTTClientAuth, TopicMapper, Kafka (= KafkaMQTT).
void register_all(pipeline::FilterRegistry& registry, const Services& services);

}  // namespace mqttproxy::filters
