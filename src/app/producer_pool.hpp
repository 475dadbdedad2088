// The producers behind the Kafka filters, over the reloads of the daemon's life.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "mqttproxy/kafka/producer.hpp"
#include "mqttproxy/metrics/metrics.hpp"

namespace mqttproxy::app {

/// One producer per distinct set of options, shared by all workers. A producer that no configuration asks for any more
/// lives on until the last filter that uses it is gone and every record is settled. Thread: main, but for
/// reasons_not_ready().
class ProducerPool {
 public:
  using Make = std::function<std::unique_ptr<kafka::Producer>(const kafka::ProducerOptions&)>;
  explicit ProducerPool(Make make) : make_(std::move(make)) {}
  /// Filters may live longer, but nothing more is reported to anybody.
  ~ProducerPool() { (void)drain(std::chrono::milliseconds(0)); }
  ProducerPool(const ProducerPool&) = delete;
  ProducerPool& operator=(const ProducerPool&) = delete;

  /// Throws std::runtime_error with librdkafka's reason.
  [[nodiscard]] std::shared_ptr<kafka::RecordSink> get(const kafka::ProducerOptions& options);

  /// Filters of a new configuration will be made: what they ask for from now on is theirs.
  void begin_configuration();
  /// They are in use: producers that only the configuration before had asked for are retired.
  void keep_configuration();
  /// They are gone again, the configuration before stays: producers made for them end.
  void drop_configuration();
  /// Ends retired producers that have nothing left to do. Returns how many have.
  std::size_t end_retired();
  [[nodiscard]] std::size_t retired() const noexcept { return retired_.size(); }

  /// Why producers are not ready; empty when all are. Any thread.
  [[nodiscard]] std::vector<std::string> reasons_not_ready() const;
  /// Drains all, at most `timeout` together, and lets go of them; returns how many records were given up.
  [[nodiscard]] std::size_t drain(std::chrono::milliseconds timeout);

 private:
  struct Entry {
    kafka::ProducerOptions options;
    std::shared_ptr<kafka::Producer> producer;
    bool kept = false;   // by the configuration in use
    bool asked = false;  // by the configuration being made
  };

  /// Those that no configuration has kept.
  void forget_others();

  Make make_;
  mutable std::mutex mutex_;  // for entries_: held by main while it changes them
  std::vector<Entry> entries_;
  std::vector<std::shared_ptr<kafka::Producer>> retired_;
};

}  // namespace mqttproxy::app
