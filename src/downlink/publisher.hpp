// Messages to records of the downlink topic, each answered for by Kafka's acknowledgement.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include "mqttproxy/downlink/bus.hpp"
#include "mqttproxy/downlink/kafka_bus.hpp"
#include "mqttproxy/kafka/producer.hpp"
#include "mqttproxy/metrics/metrics.hpp"

#include "pending.hpp"

namespace mqttproxy::downlink {

/// A producer of its own: its records are given up when the answer is due, so that a message that was answered with
/// an error does not reach devices long after.
class Publisher final : public kafka::ReportSink {
 public:
  Publisher(const KafkaBusOptions& options, metrics::Registry& metrics);
  ~Publisher() override;

  /// From now on there is a topic to write to. Not before it is known to exist: asking for it might make it.
  void open(std::string_view kafka_topic);
  /// Blocks until Kafka has answered for each, or the time-out. Any thread.
  [[nodiscard]] PublishResult publish(const std::vector<Message>& messages);
  [[nodiscard]] kafka::Health health() const { return producer_->health(); }
  /// Waits for the acknowledgements under way; what is left after `timeout` is given up. Main, once.
  void drain(std::chrono::milliseconds timeout) { producer_->drain(timeout); }

  void on_reports(std::vector<kafka::Report> reports) override { pending_.report(reports); }
  void on_room() override;

 private:
  using Clock = std::chrono::steady_clock;
  enum class Outcome : std::uint8_t { Stored, NotReady, QueueFull, TooLarge, Refused, Unknown, Stopping, Count_ };

  [[nodiscard]] Outcome produce(const Message& message, std::uint64_t token, Clock::time_point deadline);
  [[nodiscard]] static Outcome outcome_of(const kafka::Report& report);
  [[nodiscard]] PublishResult count(std::size_t stored, std::size_t rest, Outcome why);
  void collect(metrics::Scrape& scrape) const;

  const std::chrono::milliseconds timeout_;
  PendingPublishes pending_;
  std::atomic<kafka::Topic*> topic_{nullptr};

  std::mutex room_mutex_;
  std::condition_variable room_;
  std::uint64_t rooms_ = 0;  // times there was room again

  std::array<metrics::SharedCounter, static_cast<std::size_t>(Outcome::Count_)> outcomes_;
  std::unique_ptr<kafka::Producer> producer_;
  metrics::Registry::Handle metrics_;
};

}  // namespace mqttproxy::downlink
