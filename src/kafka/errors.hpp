// What librdkafka's error codes mean for one record.
#pragma once

#include <cstdint>
#include <string_view>

#include <librdkafka/rdkafka.h>

#include "mqttproxy/kafka/producer.hpp"

namespace mqttproxy::kafka {

/// The outcome a delivery report with this error and persistence status stands for.
[[nodiscard]] Outcome outcome_of(rd_kafka_resp_err_t error, rd_kafka_msg_status_t status) noexcept;

/// Refused because of its size: its copy would be refused by the dead-letter topic as well.
[[nodiscard]] bool is_too_large(rd_kafka_resp_err_t error) noexcept;

/// The code with this error_name(), 0 when there is none.
[[nodiscard]] std::int16_t code_of(std::string_view name) noexcept;

/// Metrics label: "stored", "dead_lettered", "refused", "unknown".
[[nodiscard]] std::string_view label(Outcome outcome) noexcept;

}  // namespace mqttproxy::kafka
