#include "errors.hpp"

#include <cstddef>
#include <span>

namespace mqttproxy::kafka {

std::string_view error_name(std::int16_t code) noexcept {
  if (code == 0) return "NO_ERROR";
  return rd_kafka_err2name(static_cast<rd_kafka_resp_err_t>(code));
}

std::int16_t code_of(std::string_view name) noexcept {
  const rd_kafka_err_desc* first = nullptr;
  std::size_t count = 0;
  rd_kafka_get_err_descs(&first, &count);
  for (const rd_kafka_err_desc& error : std::span(first, count)) {
    // The table has holes where the protocol's numbers do.
    if (error.name != nullptr && name == error.name) return static_cast<std::int16_t>(error.code);
  }
  return 0;
}

bool is_too_large(rd_kafka_resp_err_t error) noexcept {
  return error == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE || error == RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE ||
         error == RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE;
}

Outcome outcome_of(rd_kafka_resp_err_t error, rd_kafka_msg_status_t status) noexcept {
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return Outcome::Stored;
  // An earlier attempt got no answer: it may be in the log, whatever became of the last one.
  if (status != RD_KAFKA_MSG_STATUS_NOT_PERSISTED) return Outcome::Unknown;
  switch (error) {
    // There is no such topic (librdkafka waits topic.metadata.propagation.max.ms before it says so), or Kafka does
    // not accept its name.
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
    // This client may not write it.
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_SECURITY_DISABLED:
    // The record itself is not accepted: size, content, format.
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_INVALID_MSG:
    case RD_KAFKA_RESP_ERR_INVALID_RECORD:
    case RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP:
    case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
    case RD_KAFKA_RESP_ERR_INVALID_REQUIRED_ACKS:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_COMPRESSION_TYPE:
      return Outcome::Refused;
    // Everything else: time-outs, purges, transport, the idempotent producer's epoch and sequence errors, and codes
    // not known here. A later attempt may succeed; nothing is acknowledged now.
    default:
      return Outcome::Unknown;
  }
}

std::string_view label(Outcome outcome) noexcept {
  switch (outcome) {
    case Outcome::Stored:
      return "stored";
    case Outcome::DeadLettered:
      return "dead_lettered";
    case Outcome::Refused:
      return "refused";
    case Outcome::Unknown:
      break;
  }
  return "unknown";
}

}  // namespace mqttproxy::kafka
