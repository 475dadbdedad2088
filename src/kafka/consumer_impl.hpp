// The Consumer. Two threads work on it:
//
//   delivery   librdkafka's queue → one batch of records → handler; restarts a partition whose position is gone from
//              Kafka                                                                           consumer.cpp
//   watch      asks Kafka for the topic now and then: makes it, fixes the first positions, starts partitions that were
//              added; what health() says                                                       consumer_watch.cpp
//
// librdkafka keeps the position of a started partition through every outage, and fetches no more than its queue limit
// while the handler takes nothing.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include <librdkafka/rdkafka.h>

#include "mqttproxy/kafka/consumer.hpp"
#include "mqttproxy/kafka/embedded.hpp"
#include "mqttproxy/metrics/metrics.hpp"

#include "error_counters.hpp"
#include "library_log.hpp"
#include "messages.hpp"
#include "raii.hpp"
#include "topic_admin.hpp"

namespace mqttproxy::kafka {

class ConsumerImpl final : public Consumer {
 public:
  ConsumerImpl(const ConsumerOptions& options, RecordHandler& handler, metrics::Registry& metrics);
  ~ConsumerImpl() override;
  ConsumerImpl(const ConsumerImpl&) = delete;
  ConsumerImpl& operator=(const ConsumerImpl&) = delete;

  [[nodiscard]] Health health() const override;
  void stop() noexcept override;

 private:
  using Clock = std::chrono::steady_clock;

  struct Partition {
    std::int64_t next = 0;   // offset of the next record to hand out
    bool restarted = false;  // its position was gone: the next record shows how many went with it
  };
  struct Range {
    std::int64_t first = 0;  // where reading starts
    std::int64_t end = 0;    // of what the partition has
  };

  // consumer.cpp: delivery thread
  void run();
  void take_events();
  void take_records();
  void nudge();
  [[nodiscard]] bool hand_out(std::span<const ConsumedRecord> rest);
  void advance(std::span<const ConsumedRecord> taken);
  void take_error(const rd_kafka_message_t& message);
  void restart_partition(std::int32_t number);
  [[nodiscard]] bool pause(std::chrono::milliseconds duration);

  // consumer_watch.cpp: watch thread
  void watch();
  [[nodiscard]] std::chrono::milliseconds look();
  [[nodiscard]] std::string make_topic();
  [[nodiscard]] std::string start_partitions(std::int32_t count);
  [[nodiscard]] std::string find_range(std::int32_t number, Range& range);
  [[nodiscard]] std::string start_partition(std::int32_t number, const Range& range);
  [[nodiscard]] std::string partition_text(std::int32_t number) const;
  void set_ready(std::int32_t partitions);
  std::chrono::milliseconds set_not_ready(std::string reason);

  [[nodiscard]] bool is_stopping() const;
  [[nodiscard]] std::size_t partition_count() const;
  void collect(metrics::Scrape& scrape) const;
  [[nodiscard]] std::int64_t lag() const;

  const ConsumerOptions options_;
  const std::string address_;
  RecordHandler& handler_;

  LibraryLog log_;
  std::shared_ptr<EmbeddedKafka> embedded_;
  HandlePtr client_;
  QueuePtr events_;
  QueuePtr queue_;  // records of all partitions
  TopicPtr topic_;

  mutable std::mutex mutex_;  // for what follows; held for moments only
  std::condition_variable stop_changed_;
  bool stop_ = false;
  Health health_;
  std::string last_error_;             // librdkafka's, since Kafka last answered
  std::vector<Partition> partitions_;  // those librdkafka fetches, by number

  // Delivery thread only.
  RecordList records_;
  std::uint64_t since_nudge_bytes_ = 0;  // taken out of librdkafka's queue

  // Watch thread only.
  bool compared_ = false;  // the topic is as planned
  bool started_ = false;   // every partition there was has its first position
  Clock::time_point last_log_{};

  ErrorCounters errors_;
  metrics::SharedCounter consumed_;
  metrics::SharedCounter restarts_;
  metrics::SharedCounter missed_;
  metrics::SharedCounter pauses_;
  metrics::Registry::Handle metrics_;

  std::thread watcher_;
  std::thread thread_;
};

}  // namespace mqttproxy::kafka
