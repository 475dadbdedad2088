// A sink that records, a reader that sees what Kafka has, a producer on an embedded Kafka of its own.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "mqttproxy/kafka/embedded.hpp"
#include "mqttproxy/kafka/producer.hpp"
#include "mqttproxy/metrics/metrics.hpp"

namespace mqttproxy::kafka::testing {

/// Only so that a test that hangs ends: nothing is expected to take this long.
inline constexpr std::chrono::seconds kHangGuard{60};

class RecordingSink : public ReportSink {
 public:
  void on_reports(std::vector<Report> reports) override;
  void on_room() override;

  /// Waits until `count` reports have come in all.
  std::vector<Report> wait_for_reports(std::size_t count);
  /// Waits until on_room() has been called `count` times in all.
  bool wait_for_room(std::size_t count);
  [[nodiscard]] std::size_t rooms() const;
  [[nodiscard]] std::size_t batches() const;
  [[nodiscard]] std::vector<Report> reports() const;

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Report> reports_;
  std::size_t rooms_ = 0;
  std::size_t batches_ = 0;
};

struct ReadRecord {
  std::optional<std::string> key;
  std::optional<std::string> value;
  std::vector<std::pair<std::string, std::optional<std::string>>> headers;
  std::int32_t partition = 0;

  [[nodiscard]] std::string header(std::string_view name) const;
};

/// The first `count` records of the topic, partition by partition in their order.
std::vector<ReadRecord> read(const EmbeddedKafka& kafka, const std::string& topic, std::size_t count);

/// Asks until it is so; false after kHangGuard.
bool eventually(const std::function<bool()>& condition);

constexpr std::uint64_t token(std::uint64_t lane, std::uint64_t number) {
  return (lane << static_cast<unsigned>(kLaneShift)) | number;
}

class ProducerTest : public ::testing::Test {
 protected:
  ProducerTest();

  /// Makes producer_ of options_, with lanes_ lanes.
  void start(std::size_t lanes = 1);
  Topic* topic(std::string_view name);
  ProduceResult produce(Topic* topic, std::string_view value, std::uint64_t token);
  std::string metrics() const { return registry_.serialize(); }

  EmbeddedKafka kafka_;
  ProducerOptions options_;
  metrics::Registry registry_;
  std::vector<std::unique_ptr<RecordingSink>> sinks_;
  std::unique_ptr<Producer> producer_;
};

}  // namespace mqttproxy::kafka::testing
