#include "library_log.hpp"

#include <algorithm>
#include <array>

#include "mqttproxy/util/log.hpp"
#include "mqttproxy/util/text.hpp"

namespace mqttproxy::kafka {

namespace {

// syslog(3) levels, as librdkafka uses them.
constexpr int kCritical = 2;
constexpr int kError = 3;
constexpr int kWarning = 4;

/// Facilities of lines that come with every lost, refused or slow connection, which the health probe reports, and of
/// the fatal error, which the producer reports when it replaces the handle.
constexpr std::array<std::string_view, 8> kSaidElsewhere = {"FAIL",    "ERROR",   "BROKERFAIL", "REQTMOUT",
                                                            "CONNECT", "CLOSING", "MAXBACKOFF", "FATAL"};

spdlog::level::level_enum severity(int level) noexcept {
  if (level <= kCritical) return spdlog::level::critical;
  return level == kError ? spdlog::level::err : spdlog::level::warn;
}

}  // namespace

bool LibraryLog::is_due(int level, std::string_view facility, Clock::time_point now) {
  if (level > kWarning || std::ranges::find(kSaidElsewhere, facility) != kSaidElsewhere.end()) return false;
  const std::scoped_lock lock(mutex_);
  const auto last = last_.find(facility);
  if (last == last_.end()) {
    last_.emplace(facility, now);
    return true;
  }
  if (now - last->second < kRepeatAfter) return false;
  last->second = now;
  return true;
}

void LibraryLog::callback(const rd_kafka_t* handle, int level, const char* facility, const char* text) noexcept {
  // rd_kafka_new logs before it has a handle.
  auto* self = handle == nullptr ? nullptr : static_cast<LibraryLog*>(rd_kafka_opaque(handle));
  const std::string_view producer = self == nullptr ? "-" : std::string_view(self->producer_);
  const bool due = self != nullptr && self->is_due(level, facility, Clock::now());
  spdlog::log(due ? severity(level) : spdlog::level::debug, "librdkafka producer=\"{}\" facility={} text=\"{}\"",
              producer, facility, util::printable(text, 512));
}

}  // namespace mqttproxy::kafka
