// A topic this process needs: made when it is missing and may be made, else compared with what was asked for.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace mqttproxy::kafka {

/// What is nullopt is the broker's choice when the topic is made, and not looked at when it exists.
struct TopicPlan {
  std::string name;
  bool create = true;                                  // make it when it is missing
  std::optional<std::int32_t> partitions;              // at least
  std::optional<std::int32_t> replication_factor;      // at least
  std::optional<std::chrono::milliseconds> retention;  // at least: how long records are kept

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
