// librdkafka properties from the configuration: which are refused and why, and which librdkafka does not know.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "mqttproxy/kafka/producer.hpp"

namespace mqttproxy::kafka {

/// What is wrong with the property `name` = `value`, or nullopt. Refuses what would break "acked means in Kafka" or
/// the process (acks other than all/-1, enable.idempotence=false, delivery.report.only.error, test.mock.*,
/// plugin.library.paths, bootstrap.servers, metadata.broker.list, transactional.id, the queue limits …), names
/// librdkafka does not know, and values it does not take. Never echoes the value.
[[nodiscard]] std::optional<std::string> property_problem(std::string_view name, const std::string& value);

/// Whether rd_kafka_new takes these options together; the reason when not. Creates and destroys a producer.
[[nodiscard]] std::optional<std::string> options_problem(const ProducerOptions& options);

/// [A-Za-z0-9._-]{1,249}, and neither "." nor "..".
[[nodiscard]] bool is_legal_topic_name(std::string_view name) noexcept;

}  // namespace mqttproxy::kafka
