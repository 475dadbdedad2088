// The RangeReader. Its thread takes orders and messages in turns:
//
//   read() → orders_ → the partition's ranges; the first of them is read
//   librdkafka's queue → one batch → runs of records of one partition → cut at the ends of its ranges → handler
//
// A range is reached by stopping and starting the partition, which costs a third of rd_kafka_seek().
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include <librdkafka/rdkafka.h>

#include "mqttproxy/kafka/embedded.hpp"
#include "mqttproxy/kafka/range_reader.hpp"
#include "mqttproxy/metrics/metrics.hpp"

#include "library_log.hpp"
#include "messages.hpp"
#include "raii.hpp"

namespace mqttproxy::kafka {

class RangeReaderImpl final : public RangeReader {
 public:
  RangeReaderImpl(const ConsumerOptions& options, RangeHandler& handler, metrics::Registry& metrics);
  ~RangeReaderImpl() override;
  RangeReaderImpl(const RangeReaderImpl&) = delete;
  RangeReaderImpl& operator=(const RangeReaderImpl&) = delete;

  void read(const OffsetRange& range) override;
  void stop() noexcept override;

 private:
  using Clock = std::chrono::steady_clock;
  /// How long a fetch may bring nothing; twice as long each time.
  static constexpr std::chrono::milliseconds kFirstNudge{10};

  struct Partition {
    std::deque<OffsetRange> ranges;  // the first is being read
    std::int64_t oldest = 0;         // what its end will say
    std::int64_t next = 0;           // no record below it will come
    bool fetching = false;           // librdkafka has it
    bool from_oldest = false;  // `next` is gone from Kafka: started at the oldest record instead, which shows soon
    bool ended_early = false;  // the partition ended before the range, and is asked once more
    // What was learnt when `next` was gone from Kafka holds for the ranges there were by then, and costs 0.1 s each.
    std::size_t judged = 0;        // so many of `ranges`, from the front
    std::int64_t gone_below = 0;   // Kafka has nothing below
    std::int64_t gone_from = 0;    // nor from here on
    std::uint64_t started_in = 0;  // batch during which it was started: the rest of that batch is from before
    std::optional<Clock::time_point> retry_at;
  };

  void run();
  void take_orders();
  void retry(Clock::time_point now);
  [[nodiscard]] int patience_ms(Clock::time_point now) const;
  void note_messages(bool some);
  void nudge();
  void take_events() const;
  void take_batch(std::span<const MessagePtr> messages);
  void take_run(std::int32_t number, std::span<const ConsumedRecord> run);
  void take_error(const rd_kafka_message_t& message);
  void take_end(std::int32_t number, std::int64_t offset);
  [[nodiscard]] bool reach_oldest(std::int32_t number, std::int64_t offset);

  void begin_range(std::int32_t number);
  void end_range(std::int32_t number);
  void pop_range(Partition& partition);
  void start(std::int32_t number, std::int64_t offset);
  void stop_fetching(std::int32_t number);
  void collect(metrics::Scrape& scrape) const;

  const ConsumerOptions options_;
  RangeHandler& handler_;

  LibraryLog log_;
  std::shared_ptr<EmbeddedKafka> embedded_;
  HandlePtr client_;
  QueuePtr events_;
  QueuePtr queue_;  // records of all partitions
  TopicPtr topic_;

  std::mutex mutex_;  // for what follows; held for moments only
  std::vector<OffsetRange> orders_;
  bool stop_ = false;

  // Reader's thread only.
  std::map<std::int32_t, Partition> partitions_;  // all that ever had a range
  std::uint64_t batch_ = 1;
  RecordList records_;
  Clock::time_point silent_since_ = Clock::now();
  std::chrono::milliseconds nudge_after_ = kFirstNudge;

  metrics::SharedCounter ranges_;
  metrics::SharedCounter handed_out_;
  metrics::SharedCounter seeks_;
  metrics::Registry::Handle metrics_;

  std::thread thread_;
};

}  // namespace mqttproxy::kafka
