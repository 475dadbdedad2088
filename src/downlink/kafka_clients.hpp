// A bus's options as those of its two Kafka clients.
#pragma once

#include "mqttproxy/downlink/kafka_bus.hpp"
#include "mqttproxy/kafka/consumer.hpp"
#include "mqttproxy/kafka/producer.hpp"

namespace mqttproxy::downlink {

[[nodiscard]] kafka::ProducerOptions producer_options(const KafkaBusOptions& options);
[[nodiscard]] kafka::ConsumerOptions consumer_options(const KafkaBusOptions& options);

}  // namespace mqttproxy::downlink
