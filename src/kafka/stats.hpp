// What a producer counts. Written by its report thread except where said; read by a scrape.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include <librdkafka/rdkafka.h>

#include "mqttproxy/kafka/producer.hpp"
#include "mqttproxy/metrics/histogram.hpp"
#include "mqttproxy/metrics/metrics.hpp"

#include "error_counters.hpp"
#include "library_stats.hpp"

namespace mqttproxy::kafka {

class Stats {
 public:
  void report(Outcome outcome, std::uint64_t count = 1) noexcept {
    outcomes_[static_cast<std::size_t>(outcome)].add(count);
  }
  void restart() noexcept { restarts_.add(); }
  /// Time from produce() to the report. Called for one record of each batch of reports: the clock is read per call.
  void delivered(std::int64_t microseconds) noexcept;
  /// Thread: any.
  void error(rd_kafka_resp_err_t code) noexcept { errors_.add(code); }

  /// Thread: any.
  void library(std::string json) { library_.take(std::move(json)); }

  [[nodiscard]] std::uint64_t restarts() const noexcept { return restarts_.get(); }

  void collect(metrics::Scrape& scrape, const std::string& producer) const;

 private:
  static constexpr std::array<std::uint64_t, 14> kBoundsUs = {1'000,     2'500,     5'000,      10'000,    25'000,
                                                              50'000,    100'000,   250'000,    500'000,   1'000'000,
                                                              2'500'000, 5'000'000, 10'000'000, 30'000'000};

  std::array<metrics::Counter, 4> outcomes_;
  metrics::Histogram latency_us_{kBoundsUs};
  metrics::Counter restarts_;
  ErrorCounters errors_;
  LibraryStats library_;
};

}  // namespace mqttproxy::kafka
