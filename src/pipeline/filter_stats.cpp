#include "mqttproxy/pipeline/filter_stats.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace mqttproxy::pipeline {

FilterStats::FilterStats(std::string_view of_pipeline, std::string_view of_filter,
                         std::vector<std::string> result_names)
    : pipeline(of_pipeline), filter(of_filter), names(std::move(result_names)), results(names.size()) {}

FilterStats& WorkerFilterStats::of(std::string_view pipeline, std::string_view filter,
                                   std::span<const std::string_view> results) {
  std::vector<std::string> names;
  for (const std::string_view name : results) names.emplace_back(name.empty() ? "success" : name);
  names.emplace_back("failed");
  const std::scoped_lock lock(mutex_);
  const auto known = std::ranges::find_if(filters_, [&](const FilterStats& stats) {
    return stats.pipeline == pipeline && stats.filter == filter && stats.names == names;
  });
  return known != filters_.end() ? *known : filters_.emplace_back(pipeline, filter, std::move(names));
}

void collect(std::span<const std::unique_ptr<WorkerFilterStats>> workers, metrics::Scrape& scrape) {
  using Key = std::pair<std::string, std::string>;  // pipeline, filter
  std::map<std::pair<Key, std::string>, std::uint64_t> results;
  std::map<Key, std::vector<const metrics::Histogram*>> times;
  for (const auto& worker : workers) {
    const std::scoped_lock lock(worker->mutex_);
    for (const FilterStats& stats : worker->filters_) {
      const Key key{stats.pipeline, stats.filter};
      for (std::size_t i = 0; i < stats.names.size(); ++i) results[{key, stats.names[i]}] += stats.results[i].get();
      times[key].push_back(&stats.call_ns);  // stays where it is
    }
  }
  for (const auto& [of, count] : results) {
    scrape.counter("mqttproxy_filter_results_total", "What filters made of packets.", static_cast<double>(count),
                   {{"pipeline", of.first.first}, {"filter", of.first.second}, {"result", of.second}});
  }
  for (const auto& [of, parts] : times) {
    metrics::Histogram::write(scrape, "mqttproxy_filter_seconds", "Time a filter takes, of every 16th run.", parts, 1e9,
                              {{"pipeline", of.first}, {"filter", of.second}});
  }
}

}  // namespace mqttproxy::pipeline
