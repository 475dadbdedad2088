// librdkafka properties from the configuration: which are refused and why, and which librdkafka does not know.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mqttproxy/kafka/consumer.hpp"
#include "mqttproxy/kafka/producer.hpp"

namespace mqttproxy::kafka {

/// What properties are for.
enum class PropertyUse : std::uint8_t {
  Producer,
  Bus,  // a producer that answers for each record within a bound, and a consumer of every partition
};

/// What is wrong with the property `name` = `value`, or nullopt. Refuses what would break "acked means in Kafka" or
/// the process (acks other than all/-1, enable.idempotence=false, delivery.report.only.error, test.mock.*,
/// plugin.library.paths, bootstrap.servers, metadata.broker.list, transactional.id, the queue limits …), names
/// librdkafka does not know, and values it does not take. A bus also refuses consumer groups, stored positions and
/// message.timeout.ms, and takes the consumer's fetch settings. Never echoes the value.
[[nodiscard]] std::optional<std::string> property_problem(std::string_view name, const std::string& value,
                                                          PropertyUse use = PropertyUse::Producer);

/// librdkafka uses it in producers (consumers) only, and warns of it elsewhere.
[[nodiscard]] bool is_producer_only(std::string_view name) noexcept;
[[nodiscard]] bool is_consumer_only(std::string_view name) noexcept;

/// What is wrong with a list of brokers: each host:port, or exactly {"embedded"}.
[[nodiscard]] std::optional<std::string> backends_problem(const std::vector<std::string>& backends);

/// Whether rd_kafka_new takes these options together; the reason when not. Creates and destroys a producer.
[[nodiscard]] std::optional<std::string> options_problem(const ProducerOptions& options);
/// The same for a consumer, whose properties have been checked.
[[nodiscard]] std::optional<std::string> options_problem(const ConsumerOptions& options);

/// [A-Za-z0-9._-]{1,249}, and neither "." nor "..".
[[nodiscard]] bool is_legal_topic_name(std::string_view name) noexcept;

}  // namespace mqttproxy::kafka
