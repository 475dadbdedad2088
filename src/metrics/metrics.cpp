#include "mqttproxy/metrics/metrics.hpp"

#include <algorithm>
#include <limits>
#include <sstream>

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

namespace mqttproxy::metrics {

namespace {

prometheus::ClientMetric labelled(Labels&& labels) {
  prometheus::ClientMetric metric;
  metric.label.reserve(labels.size());
  for (auto& [name, value] : labels) metric.label.push_back({std::move(name), std::move(value)});
  return metric;
}

}  // namespace

Scrape::Scrape() = default;
Scrape::~Scrape() = default;

prometheus::MetricFamily& Scrape::family(std::string_view name, std::string_view help, int type) {
  const auto it = std::ranges::find(families_, name, &prometheus::MetricFamily::name);
  if (it != families_.end()) return *it;
  families_.push_back({std::string(name), std::string(help), static_cast<prometheus::MetricType>(type), {}});
  return families_.back();
}

void Scrape::counter(std::string_view name, std::string_view help, double value, Labels labels) {
  auto metric = labelled(std::move(labels));
  metric.counter.value = value;
  family(name, help, static_cast<int>(prometheus::MetricType::Counter)).metric.push_back(std::move(metric));
}

void Scrape::gauge(std::string_view name, std::string_view help, double value, Labels labels) {
  auto metric = labelled(std::move(labels));
  metric.gauge.value = value;
  family(name, help, static_cast<int>(prometheus::MetricType::Gauge)).metric.push_back(std::move(metric));
}

void Scrape::histogram(std::string_view name, std::string_view help, const std::vector<double>& upper_bounds,
                       const std::vector<std::uint64_t>& counts, double sum, Labels labels) {
  auto metric = labelled(std::move(labels));
  std::uint64_t cumulative = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    cumulative += counts[i];
    const double bound = i < upper_bounds.size() ? upper_bounds[i] : std::numeric_limits<double>::infinity();
    metric.histogram.bucket.push_back({cumulative, bound});
  }
  metric.histogram.sample_count = cumulative;
  metric.histogram.sample_sum = sum;
  family(name, help, static_cast<int>(prometheus::MetricType::Histogram)).metric.push_back(std::move(metric));
}

Registry::Handle& Registry::Handle::operator=(Handle&& other) noexcept {
  if (this == &other) return *this;
  if (registry_ != nullptr) registry_->remove(id_);
  registry_ = std::exchange(other.registry_, nullptr);
  id_ = other.id_;
  return *this;
}

Registry::Handle::~Handle() {
  if (registry_ != nullptr) registry_->remove(id_);
}

Registry::Handle Registry::add(Collector collector) {
  const std::scoped_lock lock(mutex_);
  const std::uint64_t id = next_id_++;
  collectors_.emplace_back(id, std::move(collector));
  return {this, id};
}

void Registry::remove(std::uint64_t id) {
  const std::scoped_lock lock(mutex_);
  std::erase_if(collectors_, [id](const auto& entry) { return entry.first == id; });
}

std::string Registry::serialize() const {
  Scrape scrape;
  {
    // Held while collectors run, so that a Handle's destructor waits for a scrape that reads its owner.
    const std::scoped_lock lock(mutex_);
    for (const auto& [id, collect] : collectors_) collect(scrape);
  }
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, scrape.families_);
  return out.str();
}

}  // namespace mqttproxy::metrics
