// librdkafka's log lines, brought to our logger without letting an absent Kafka fill it.
#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include <librdkafka/rdkafka.h>

namespace mqttproxy::kafka {

/// Receives the lines of one librdkafka handle; must outlive it. Thread: any (librdkafka's own).
///
/// What our own lines say (Kafka is away, the handle is fatal) goes to debug. Other warnings and errors appear at most
/// once per facility in 30 s, the rest of them at debug. Informational lines: debug.
class LibraryLog {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::seconds kRepeatAfter{30};

  explicit LibraryLog(std::string producer) : producer_(std::move(producer)) {}

  /// For rd_kafka_conf_set_log_cb, with a LibraryLog as the configuration's opaque.
  static void callback(const rd_kafka_t* handle, int level, const char* facility, const char* text) noexcept;

  /// Whether the line is worth more than debug at `now`.
  [[nodiscard]] bool is_due(int level, std::string_view facility, Clock::time_point now);

 private:
  std::string producer_;
  std::mutex mutex_;
  std::map<std::string, Clock::time_point, std::less<>> last_;
};

}  // namespace mqttproxy::kafka
