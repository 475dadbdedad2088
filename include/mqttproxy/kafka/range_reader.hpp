// Records of a topic at given offsets, for reading again what was read long ago.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "mqttproxy/kafka/consumer.hpp"

namespace mqttproxy::kafka {

/// The records of one partition at offsets from `from` up to, but not including, `to`.
struct OffsetRange {
  std::int32_t partition = 0;
  std::int64_t from = 0;
  std::int64_t to = 0;

  bool operator==(const OffsetRange&) const = default;
};

/// Calls come on the reader's thread, which waits meanwhile: nothing else is read. They may call read().
class RangeHandler {
 public:
  virtual ~RangeHandler() = default;
  /// The next records of the range, in offset order.
  virtual void on_range(const OffsetRange& range, std::span<const ConsumedRecord> records) = 0;
  /// All of the range that Kafka still has was handed out. `oldest`: range.from, or where Kafka's oldest record now is
  /// when what came first has been deleted.
  virtual void on_range_end(const OffsetRange& range, std::int64_t oldest) = 0;
};

/// One thread. Ranges of one partition are read one after the other in the order given, partitions side by side. Cheap
/// when they ascend: a short gap is read over, a longer one costs about a millisecond. A partition without a range is
/// not fetched.
///
/// While Kafka is away ranges wait, and go on where they stopped. Every range ends: offsets need not have records, the
/// oldest may be deleted, and a topic made anew has none of them.
class RangeReader {
 public:
  /// Of `options` the plan and the start mean nothing here; max_queue_bytes bounds what is fetched beyond a range.
  /// Throws std::runtime_error (librdkafka's reason) for options rd_kafka_new refuses. Does not wait for Kafka.
  /// `handler` must outlive the reader.
  static std::unique_ptr<RangeReader> create(const ConsumerOptions& options, RangeHandler& handler,
                                             metrics::Registry& metrics);
  virtual ~RangeReader() = default;

  /// Queues a range of a partition the topic has; `to` is not beyond its end. Never blocks. Thread: any.
  virtual void read(const OffsetRange& range) = 0;
  /// No call to the handler is under way or follows once it returns; ranges that have not ended never do.
  /// Thread: main.
  virtual void stop() noexcept = 0;
};

}  // namespace mqttproxy::kafka
