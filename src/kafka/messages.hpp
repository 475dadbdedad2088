// What a librdkafka queue holds, as records.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <librdkafka/rdkafka.h>

#include "mqttproxy/kafka/consumer.hpp"

#include "raii.hpp"

namespace mqttproxy::kafka {

using MessagePtr = std::unique_ptr<rd_kafka_message_t, Destroyer<rd_kafka_message_destroy>>;

/// Some hundred messages and errors at most; none after `patience_ms` or rd_kafka_queue_yield().
[[nodiscard]] std::vector<MessagePtr> take_messages(rd_kafka_queue_t* queue, int patience_ms);

/// Has librdkafka fetch as soon as there is room again. By itself it looks a second after it found its queue full,
/// unless its connection to the leader has something else to do: this asks the leaders where the partitions end. Waits
/// 100 ms at most for answers, which do not matter.
void nudge_fetch(rd_kafka_t* client, const std::string& topic, std::span<const std::int32_t> partitions);

/// Records made of messages. They point into the messages, and into this.
class RecordList {
 public:
  /// One for each message that is no error, in their order.
  [[nodiscard]] std::span<const ConsumedRecord> make(std::span<const MessagePtr> messages);

 private:
  std::vector<ConsumedRecord> records_;
  std::vector<Header> headers_;
};

}  // namespace mqttproxy::kafka
