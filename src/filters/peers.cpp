#include "peers.hpp"

#include <algorithm>

#include "common.hpp"
#include "topic_mapper_options.hpp"

namespace mqttproxy::filters {

KafkaPeers read_kafka_peers(const config::PipelineConfig& pipeline) {
  KafkaPeers peers;
  for (const config::FilterConfig& filter : pipeline.filters) {
    if (filter.kind != kKafkaKind && filter.kind != kKafkaKindAlias) continue;
    const Reading reading(filter);
    config::Object object(reading.value());
    if (!object.string_or("deadLetter", "").empty()) peers.dead_letter = true;
    if (const auto topic = object.find_set("topic")) {
      if (!config::Object(*topic).string_or("default", "").empty()) peers.default_topic = true;
    }
  }
  return peers;
}

MapperPeers read_mapper_peers(const config::PipelineConfig& pipeline) {
  MapperPeers peers;
  for (const config::FilterConfig& filter : pipeline.filters) {
    if (filter.kind != kTopicMapperKind) continue;
    const Reading reading(filter);
    const TopicMapperOptions options = read_topic_mapper(reading.value());
    if (!options.topic_key.empty()) peers.topic_keys.insert(options.topic_key);
    if (!options.header_key.empty()) peers.header_keys.insert(options.header_key);
    for (const TopicMapperOptions::Policy& policy : options.policies) {
      for (const TopicMapperOptions::KafkaTopic& topic : policy.topics) {
        if (std::ranges::count(peers.kafka_topics, topic.name) == 0) peers.kafka_topics.push_back(topic.name);
      }
    }
  }
  return peers;
}

}  // namespace mqttproxy::filters
