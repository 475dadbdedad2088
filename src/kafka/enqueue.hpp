// One record into librdkafka's queue.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include <librdkafka/rdkafka.h>

#include "mqttproxy/kafka/producer.hpp"

#include "raii.hpp"

namespace mqttproxy::kafka {

/// Header names and values may hold any bytes. Allocates nothing of ours.
[[nodiscard]] HeadersPtr make_headers(std::span<const Header> headers, std::size_t spare = 0);
void add_header(rd_kafka_headers_t* headers, std::string_view name, std::string_view value);

/// rd_kafka_produceva with a copy of the record's key and value, into `topic` and with `headers` instead of its own.
/// Takes `headers` (may be empty) when it succeeds. _FATAL when the client will never take anything again.
[[nodiscard]] rd_kafka_resp_err_t enqueue(rd_kafka_t* client, rd_kafka_topic_t* topic, const Record& record,
                                          HeadersPtr& headers) noexcept;

/// librdkafka hands the token back as the message's opaque pointer.
[[nodiscard]] std::uint64_t token_of(const rd_kafka_message_t& message) noexcept;

}  // namespace mqttproxy::kafka
