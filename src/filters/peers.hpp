// What a filter has to know of its neighbours: mapper and Kafka filter of one pipeline are configured apart and only
// make sense together.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "mqttproxy/config/config.hpp"

namespace mqttproxy::filters {

inline constexpr std::string_view kTopicMapperKind = "TopicMapper";
inline constexpr std::string_view kKafkaKind = "Kafka";
inline constexpr std::string_view kKafkaKindAlias = "KafkaMQTT";

/// What the Kafka filters of a pipeline can take.
struct KafkaPeers {
  bool default_topic = false;  // one has topic.default
  bool dead_letter = false;    // one has deadLetter
};
[[nodiscard]] KafkaPeers read_kafka_peers(const config::PipelineConfig& pipeline);

/// What the TopicMappers of a pipeline produce.
struct MapperPeers {
  std::vector<std::string> kafka_topics;  // without repetition, in the file's order
  std::set<std::string> topic_keys;       // setKV.topic
  std::set<std::string> header_keys;      // setKV.headers
};
[[nodiscard]] MapperPeers read_mapper_peers(const config::PipelineConfig& pipeline);

}  // namespace mqttproxy::filters
