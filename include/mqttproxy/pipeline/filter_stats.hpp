// What filters did and how long they took.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mqttproxy/metrics/histogram.hpp"
#include "mqttproxy/metrics/metrics.hpp"

namespace mqttproxy::pipeline {

/// Of one filter on one worker. Written by the worker's thread only.
struct FilterStats {
  /// Time of one call in nanoseconds.
  static constexpr std::array<std::uint64_t, 12> kBoundsNs = {
      250, 500, 1'000, 2'500, 5'000, 10'000, 25'000, 100'000, 250'000, 1'000'000, 10'000'000, 100'000'000};

  FilterStats(std::string_view of_pipeline, std::string_view of_filter, std::vector<std::string> result_names);

  std::string pipeline;
  std::string filter;
  std::vector<std::string> names;         // of the results; the last is for those that no jumpIf can name
  std::vector<metrics::Counter> results;  // by result
  metrics::Histogram call_ns{kBoundsNs};  // of one run in kTimedRuns

  void count(std::uint8_t result) noexcept { results[std::min<std::size_t>(result, results.size() - 1)].add(); }
};

/// One in so many runs of a pipeline is timed: reading the clock costs as much as a plain filter.
inline constexpr std::uint32_t kTimedRuns = 16;

/// Of all filters of one worker. A reload goes on counting where a filter keeps its name and results.
class WorkerFilterStats {
 public:
  /// Lives as long as this. Thread: any.
  [[nodiscard]] FilterStats& of(std::string_view pipeline, std::string_view filter,
                                std::span<const std::string_view> results);

 private:
  friend void collect(std::span<const std::unique_ptr<WorkerFilterStats>> workers, metrics::Scrape& scrape);
  std::mutex mutex_;
  std::deque<FilterStats> filters_;
};

/// Writes the sums over all workers into `scrape`. Thread: any.
void collect(std::span<const std::unique_ptr<WorkerFilterStats>> workers, metrics::Scrape& scrape);

}  // namespace mqttproxy::pipeline
