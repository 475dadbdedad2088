#include "enqueue.hpp"

#include <array>
#include <bit>
#include <cstddef>

namespace mqttproxy::kafka {

namespace {

static_assert(sizeof(void*) == sizeof(std::uint64_t), "a token travels in a pointer");

/// librdkafka takes a null pointer for "none": a null value would be a tombstone, a null key no key at all.
const char* non_null(std::string_view bytes) noexcept {
  return bytes.data() == nullptr ? "" : bytes.data();
}

}  // namespace

HeadersPtr make_headers(std::span<const Header> headers, std::size_t spare) {
  if (headers.empty() && spare == 0) return nullptr;
  HeadersPtr list(rd_kafka_headers_new(headers.size() + spare));
  for (const Header& header : headers) add_header(list.get(), header.name, header.value);
  return list;
}

void add_header(rd_kafka_headers_t* headers, std::string_view name, std::string_view value) {
  rd_kafka_header_add(headers, non_null(name), static_cast<ssize_t>(name.size()), non_null(value),
                      static_cast<ssize_t>(value.size()));
}

rd_kafka_resp_err_t enqueue(rd_kafka_t* client, rd_kafka_topic_t* topic, const Record& record,
                            HeadersPtr& headers) noexcept {
  std::array<rd_kafka_vu_t, 7> fields;  // NOLINT(cppcoreguidelines-pro-type-member-init): only `count` are read
  std::size_t count = 0;
  const auto add = [&](rd_kafka_vtype_t type) -> rd_kafka_vu_t& {
    rd_kafka_vu_t& field = fields[count++];
    field.vtype = type;
    return field;
  };
  add(RD_KAFKA_VTYPE_RKT).u.rkt = topic;
  add(RD_KAFKA_VTYPE_MSGFLAGS).u.i = RD_KAFKA_MSG_F_COPY;
  add(RD_KAFKA_VTYPE_OPAQUE).u.ptr = std::bit_cast<void*>(record.token);
  // The API is not const-correct; MSG_F_COPY leaves the bytes alone.
  const auto add_bytes = [&](rd_kafka_vtype_t type, std::string_view bytes) {
    add(type).u.mem = {const_cast<char*>(non_null(bytes)), bytes.size()};
  };
  if (!record.tombstone) add_bytes(RD_KAFKA_VTYPE_VALUE, record.value);
  if (record.key) add_bytes(RD_KAFKA_VTYPE_KEY, *record.key);
  if (record.partition) add(RD_KAFKA_VTYPE_PARTITION).u.i32 = *record.partition;
  if (headers) add(RD_KAFKA_VTYPE_HEADERS).u.headers = headers.get();
  const ErrorPtr error(rd_kafka_produceva(client, fields.data(), count));
  // A fatal handle names the error that made it so.
  if (rd_kafka_error_is_fatal(error.get()) != 0) return RD_KAFKA_RESP_ERR__FATAL;
  if (error != nullptr) return rd_kafka_error_code(error.get());
  static_cast<void>(headers.release());  // NOLINT(bugprone-unused-return-value): the message owns them now
  return RD_KAFKA_RESP_ERR_NO_ERROR;
}

std::uint64_t token_of(const rd_kafka_message_t& message) noexcept {
  return std::bit_cast<std::uint64_t>(message._private);
}

}  // namespace mqttproxy::kafka
