// A topic this process needs: made when it is missing and may be made, else compared with what was asked for.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace mqttproxy::kafka {

/// What Kafka does with old records.
enum class Cleanup : std::uint8_t {
  Delete,   // drops them by age or size
  Compact,  // keeps the last of each key
};

/// What is nullopt is the broker's choice when the topic is made, and not looked at when it exists.
struct TopicPlan {
  std::string name;
  bool create = true;                                  // make it when it is missing
  std::optional<std::int32_t> partitions;              // at least
  std::optional<std::int32_t> replication_factor;      // at least
  std::optional<std::chrono::milliseconds> retention;  // at least: how long records are kept, where they are deleted
  Cleanup cleanup = Cleanup::Delete;
  /// At least: how long a record is safe from compaction.
  std::optional<std::chrono::milliseconds> min_compaction_lag = std::nullopt;
  /// How old the part of the log that is written to, and not compacted, may become. Costs only room, so that a topic
  /// that exists may have its own.
  std::optional<std::chrono::milliseconds> segment_age = std::nullopt;
  bool exact_partitions = false;  // not "at least": records are found by partition number
  bool broker_time = false;       // records have the time of their broker, whatever the clock of who wrote them

  bool operator==(const TopicPlan&) const = default;
};

struct TopicCheck {
  bool ok = false;
  std::string text;  // "topic t: 4 partitions", or what is wrong with it
};

/// What a start would find. Makes nothing; where a start would make the topic, Kafka is asked whether it may. Waits for
/// Kafka a few seconds at most. Thread: any.
[[nodiscard]] TopicCheck check_topic(const std::vector<std::string>& backends,
                                     const std::vector<std::pair<std::string, std::string>>& properties,
                                     const TopicPlan& plan);

}  // namespace mqttproxy::kafka
