#include "stats.hpp"

#include "errors.hpp"

namespace mqttproxy::kafka {

void Stats::delivered(std::int64_t microseconds) noexcept {
  if (microseconds < 0) return;  // librdkafka does not know
  latency_us_.add(static_cast<std::uint64_t>(microseconds));
}

void Stats::collect(metrics::Scrape& scrape, const std::string& producer) const {
  for (const Outcome outcome : {Outcome::Stored, Outcome::DeadLettered, Outcome::Refused, Outcome::Unknown}) {
    scrape.counter("mqttproxy_kafka_reports_total", "Records whose fate is known, by outcome.",
                   static_cast<double>(outcomes_[static_cast<std::size_t>(outcome)].get()),
                   {{"producer", producer}, {"outcome", std::string(label(outcome))}});
  }
  errors_.collect(scrape, "mqttproxy_kafka_errors_total", {{"producer", producer}});
  const metrics::Histogram* const latency = &latency_us_;
  metrics::Histogram::write(
      scrape, "mqttproxy_kafka_delivery_seconds",
      "Time from the local queue to Kafka's acknowledgement, one record of each batch of reports.", {&latency, 1}, 1e6,
      {{"producer", producer}});
  scrape.counter("mqttproxy_kafka_producer_restarts_total", "Producers replaced after a fatal error.",
                 static_cast<double>(restarts_.get()), {{"producer", producer}});
  library_.collect(scrape, producer);
}

}  // namespace mqttproxy::kafka
