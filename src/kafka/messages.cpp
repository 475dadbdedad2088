#include "messages.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <iterator>

namespace mqttproxy::kafka {

namespace {

constexpr std::size_t kBatch = 512;
constexpr int kNudgeWithinMs = 100;

std::span<const Header> read_headers(rd_kafka_headers_t* headers, std::vector<Header>& out) {
  const std::size_t first = out.size();
  const char* name = nullptr;
  const void* value = nullptr;
  std::size_t size = 0;
  for (std::size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR;
       ++i) {
    out.push_back({name, {static_cast<const char*>(value), value == nullptr ? 0 : size}});
  }
  return std::span(out).subspan(first);
}

rd_kafka_headers_t* headers_of(const rd_kafka_message_t& message) {
  rd_kafka_headers_t* headers = nullptr;
  const auto error = rd_kafka_message_headers(&message, &headers);
  return error == RD_KAFKA_RESP_ERR_NO_ERROR ? headers : nullptr;
}

ConsumedRecord to_record(const rd_kafka_message_t& message) {
  ConsumedRecord record;
  record.partition = message.partition;
  record.offset = message.offset;
  if (message.key != nullptr) record.key.emplace(static_cast<const char*>(message.key), message.key_len);
  record.tombstone = message.payload == nullptr;
  if (!record.tombstone) record.value = {static_cast<const char*>(message.payload), message.len};
  rd_kafka_timestamp_type_t type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
  const std::int64_t time = rd_kafka_message_timestamp(&message, &type);
  if (type != RD_KAFKA_TIMESTAMP_NOT_AVAILABLE) record.time.emplace(std::chrono::milliseconds(time));
  return record;
}

}  // namespace

std::vector<MessagePtr> take_messages(rd_kafka_queue_t* queue, int patience_ms) {
  // A batch call waits until the batch is full: only the first message is waited for.
  std::array<rd_kafka_message_t*, kBatch> raw{};
  raw[0] = rd_kafka_consume_queue(queue, patience_ms);
  if (raw[0] == nullptr) return {};
  const auto more = rd_kafka_consume_batch_queue(queue, 0, &raw[1], kBatch - 1);
  const auto count = static_cast<std::ptrdiff_t>(1 + std::max<ssize_t>(more, 0));
  return std::vector<MessagePtr>(raw.begin(), std::next(raw.begin(), count));
}

void nudge_fetch(rd_kafka_t* client, const std::string& topic, std::span<const std::int32_t> partitions) {
  const PartitionsPtr asked(rd_kafka_topic_partition_list_new(static_cast<int>(partitions.size())));
  for (const std::int32_t partition : partitions) {
    rd_kafka_topic_partition_list_add(asked.get(), topic.c_str(), partition)->offset = RD_KAFKA_OFFSET_END;
  }
  rd_kafka_offsets_for_times(client, asked.get(), kNudgeWithinMs);
}

std::span<const ConsumedRecord> RecordList::make(std::span<const MessagePtr> messages) {
  records_.clear();
  headers_.clear();
  std::size_t header_count = 0;
  for (const MessagePtr& message : messages) {
    if (rd_kafka_headers_t* headers = headers_of(*message)) header_count += rd_kafka_header_cnt(headers);
  }
  headers_.reserve(header_count);  // records point into it
  for (const MessagePtr& message : messages) {
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) continue;
    records_.push_back(to_record(*message));
    if (rd_kafka_headers_t* headers = headers_of(*message)) records_.back().headers = read_headers(headers, headers_);
  }
  return records_;
}

}  // namespace mqttproxy::kafka
