// Every record of one topic, from all its partitions, without a consumer group: what a process reads that has to see
// everything. Positions are this process's own and start at one end of the topic.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mqttproxy/kafka/producer.hpp"
#include "mqttproxy/kafka/topic_plan.hpp"

namespace mqttproxy::kafka {

/// Views into librdkafka's memory, valid during the call that hands them out.
struct ConsumedRecord {
  std::int32_t partition = 0;
  std::int64_t offset = 0;
  std::optional<std::string_view> key;
  std::string_view value;           // empty when the record has none
  bool tombstone = false;           // the record has no value, which is not an empty one
  std::span<const Header> headers;  // in their order; a name ends at its first NUL
  /// The producer's or the broker's clock, as the topic says; nullopt in records of very old clients.
  std::optional<std::chrono::system_clock::time_point> time;
};

/// All calls come on threads of the consumer.
class RecordHandler {
 public:
  virtual ~RecordHandler() = default;
  /// The next records, those of one partition in offset order. Returns how many were taken, from the front: the rest is
  /// offered again after a moment, and nothing else before it.
  [[nodiscard]] virtual std::size_t on_records(std::span<const ConsumedRecord> records) = 0;
  /// Before any record of this partition: it is read from offset `first`, and its records end at `end` now; both are
  /// the same when there is nothing to read yet. Once for each, also of those added later.
  virtual void on_partition(std::int32_t /*partition*/, std::int64_t /*first*/, std::int64_t /*end*/) {}
  /// Every record below `offset` has been handed out, and there was none from there on. The last offsets need not
  /// have records, so only this tells that all has been read. Again and again, and only with Start::Beginning.
  virtual void on_partition_end(std::int32_t /*partition*/, std::int64_t /*offset*/) {}
  /// Once, after every on_partition() so far: the topic is there, and every record written from now on will be handed
  /// out.
  virtual void on_started() = 0;
};

/// Where reading starts. Partitions added later are read from their oldest record.
enum class Start : std::uint8_t { End, Beginning };

struct ConsumerOptions {
  std::string name;                   // librdkafka client.id and metrics label
  std::vector<std::string> backends;  // host:port, or exactly {"embedded"}
  /// librdkafka's, already checked; those of producers have no effect here.
  std::vector<std::pair<std::string, std::string>> properties;
  TopicPlan topic;
  std::uint64_t max_queue_bytes = 16ULL << 20U;  // fetched and not handed out; one answer of Kafka may come on top
  Start start = Start::End;

  bool operator==(const ConsumerOptions&) const = default;
};

/// Two threads: one hands records out, the other looks after the topic (makes it, fixes positions, finds partitions
/// that were added) and knows whether Kafka answers. Kafka may be absent at the start and go away at any time: records
/// go on where they stopped. Records that Kafka has deleted meanwhile are skipped, logged and counted.
class Consumer {
 public:
  /// Throws std::runtime_error (librdkafka's reason) for options rd_kafka_new refuses. Does not wait for Kafka.
  /// `handler` must outlive the consumer.
  static std::unique_ptr<Consumer> create(const ConsumerOptions& options, RecordHandler& handler,
                                          metrics::Registry& metrics);
  virtual ~Consumer() = default;

  /// Ready: Kafka answers, the topic is as planned, and every partition's position is fixed. Thread: any.
  [[nodiscard]] virtual Health health() const = 0;
  /// No call to the handler is under way or follows once it returns. Waits for an answer of Kafka that is due, some
  /// seconds at most.
  /// Thread: main.
  virtual void stop() noexcept = 0;
};

}  // namespace mqttproxy::kafka
