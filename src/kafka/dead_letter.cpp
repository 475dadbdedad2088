#include "dead_letter.hpp"

#include "enqueue.hpp"
#include "errors.hpp"

namespace mqttproxy::kafka {

namespace {

std::optional<std::string_view> last_header(const rd_kafka_headers_t* headers, std::string_view name) noexcept {
  const void* value = nullptr;
  std::size_t size = 0;
  if (rd_kafka_header_get_last(headers, name.data(), &value, &size) != RD_KAFKA_RESP_ERR_NO_ERROR) return std::nullopt;
  return std::string_view(static_cast<const char*>(value), size);
}

}  // namespace

Record DeadLetter::record() const noexcept {
  Record copy;
  copy.key = key;
  copy.tombstone = !value.has_value();
  if (value) copy.value = *value;
  copy.token = token;
  return copy;
}

void mark_dead_letter(rd_kafka_headers_t* headers, std::string_view topic, rd_kafka_resp_err_t reason) {
  add_header(headers, kReasonHeader, error_name(static_cast<std::int16_t>(reason)));
  add_header(headers, kTopicHeader, topic);
}

DeadLetter make_dead_letter(const rd_kafka_message_t& refused) {
  DeadLetter letter;
  letter.token = token_of(refused);
  letter.code = static_cast<std::int16_t>(refused.err);
  if (refused.key != nullptr) letter.key.emplace(static_cast<const char*>(refused.key), refused.key_len);
  if (refused.payload != nullptr) letter.value.emplace(static_cast<const char*>(refused.payload), refused.len);
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(&refused, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR) {
    letter.headers.reset(rd_kafka_headers_copy(headers));
  } else {
    letter.headers = make_headers({}, 2);
  }
  mark_dead_letter(letter.headers.get(), rd_kafka_topic_name(refused.rkt), refused.err);
  return letter;
}

std::optional<std::int16_t> first_refusal(const rd_kafka_message_t& message) noexcept {
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(&message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) return std::nullopt;
  const auto topic = last_header(headers, kTopicHeader);
  const auto reason = last_header(headers, kReasonHeader);
  if (!topic || !reason) return std::nullopt;
  return code_of(*reason);
}

}  // namespace mqttproxy::kafka
