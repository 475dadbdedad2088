#include "error_counters.hpp"

#include <cstdint>
#include <string>

#include "mqttproxy/kafka/producer.hpp"

namespace mqttproxy::kafka {

void ErrorCounters::add(rd_kafka_resp_err_t code) noexcept {
  // A newer broker may send a code this library has no name for.
  const bool known = code >= kLowest && code < RD_KAFKA_RESP_ERR_END_ALL;
  const int index = (known ? static_cast<int>(code) : static_cast<int>(RD_KAFKA_RESP_ERR_UNKNOWN)) - kLowest;
  counts_[static_cast<std::size_t>(index)].add();
}

void ErrorCounters::collect(metrics::Scrape& scrape, std::string_view name, const metrics::Labels& labels) const {
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    if (counts_[i].get() == 0) continue;
    metrics::Labels all = labels;
    all.emplace_back("code", error_name(static_cast<std::int16_t>(static_cast<int>(i) + kLowest)));
    scrape.counter(name, "Errors from librdkafka and Kafka, by name.", static_cast<double>(counts_[i].get()), all);
  }
}

}  // namespace mqttproxy::kafka
