// What librdkafka says of itself every few seconds (statistics.interval.ms), as metrics.
#pragma once

#include <mutex>
#include <string>

#include "mqttproxy/metrics/metrics.hpp"

namespace mqttproxy::kafka {

class LibraryStats {
 public:
  /// The latest statistics, as librdkafka wrote them. Kept as they are: nobody may ever ask. Thread: any.
  void take(std::string json);
  /// Reads them. Without any, or with what is no such thing, there are no samples. Thread: any.
  void collect(metrics::Scrape& scrape, const std::string& producer) const;

 private:
  mutable std::mutex mutex_;
  std::string json_;
};

}  // namespace mqttproxy::kafka
