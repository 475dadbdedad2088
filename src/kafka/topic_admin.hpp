// Looking at, making and comparing one topic. Everything here asks Kafka and waits a few seconds at most.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include <librdkafka/rdkafka.h>

#include "mqttproxy/kafka/topic_plan.hpp"

namespace mqttproxy::kafka {

/// A stopped broker accepts connections and says nothing: this long, then it does not answer.
inline constexpr std::chrono::milliseconds kTopicAnswerWithin{3'000};

struct TopicState {
  std::string problem;             // empty: none. What follows counts only then
  bool missing = false;            // Kafka has no such topic
  std::int32_t partitions = 0;     // 0 when missing
  std::int32_t fewest_copies = 0;  // replication factor of the partition that has the fewest
};

/// `address` is what a problem calls the Kafka. Does not make the topic.
[[nodiscard]] TopicState look_at(rd_kafka_t* client, rd_kafka_topic_t* topic, const std::string& address);

enum class CreateMode : std::uint8_t { Create, Validate };
/// Has Kafka make the topic, or say whether it would. Somebody else having made it meanwhile is fine. Returns what is
/// wrong, or "".
[[nodiscard]] std::string create_topic(rd_kafka_t* client, const TopicPlan& plan, CreateMode mode);

/// Of a topic, as Kafka writes them. Empty where it does not say: this client may not read them, or Kafka is too old.
struct TopicSettings {
  std::string cleanup_policy{};
  std::string retention_ms{};
  std::string min_compaction_lag_ms{};
  std::string timestamp_type{};
};
[[nodiscard]] TopicSettings read_settings(rd_kafka_t* client, const std::string& topic);

/// What an existing topic lacks of its plan, or "". Settings that are not known pass.
[[nodiscard]] std::string compare(const TopicPlan& plan, const TopicState& state, const TopicSettings& settings);

/// What to say of a missing topic that may not be made.
[[nodiscard]] std::string missing_text(const TopicPlan& plan);

}  // namespace mqttproxy::kafka
