// A record Kafka refused for good, on its way into the dead-letter topic: same key, value, headers and token, plus
// why it was refused and where it was meant to go.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <librdkafka/rdkafka.h>

#include "mqttproxy/kafka/producer.hpp"

#include "raii.hpp"

namespace mqttproxy::kafka {

inline constexpr std::string_view kReasonHeader = "deadLetterReason";
inline constexpr std::string_view kTopicHeader = "deadLetterTopic";

/// A copy that waits for room.
struct DeadLetter {
  std::uint64_t token = 0;
  std::int16_t code = 0;  // of the refusal
  std::optional<std::string> key;
  std::optional<std::string> value;  // nullopt: a tombstone
  HeadersPtr headers;                // with ours

  /// Without its headers; views into this.
  [[nodiscard]] Record record() const noexcept;
};

/// Adds the two headers.
void mark_dead_letter(rd_kafka_headers_t* headers, std::string_view topic, rd_kafka_resp_err_t reason);

/// Copies a refused message out of its delivery report.
[[nodiscard]] DeadLetter make_dead_letter(const rd_kafka_message_t& refused);

/// For a report from the dead-letter topic: the code of the refusal that sent the record there, nullopt when it was
/// produced to that topic in the first place. The mark travels with the record, because tokens need not be unique.
[[nodiscard]] std::optional<std::int16_t> first_refusal(const rd_kafka_message_t& message) noexcept;

}  // namespace mqttproxy::kafka
