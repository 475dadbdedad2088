// Errors from librdkafka and Kafka, counted by code.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include <librdkafka/rdkafka.h>

#include "mqttproxy/metrics/metrics.hpp"

namespace mqttproxy::kafka {

class ErrorCounters {
 public:
  /// Thread: any.
  void add(rd_kafka_resp_err_t code) noexcept;
  /// One sample per code seen, with the label `code` behind `labels`.
  void collect(metrics::Scrape& scrape, std::string_view name, const metrics::Labels& labels) const;

 private:
  static constexpr int kLowest = RD_KAFKA_RESP_ERR__BEGIN;
  static constexpr std::size_t kCodes = RD_KAFKA_RESP_ERR_END_ALL - kLowest;

  std::array<metrics::SharedCounter, kCodes> counts_;
};

}  // namespace mqttproxy::kafka
