#include "kafka_factory.hpp"

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "mqttproxy/kafka/properties.hpp"

#include "common.hpp"
#include "kafka_options.hpp"
#include "kafka_publish.hpp"
#include "peers.hpp"

namespace mqttproxy::filters {

namespace {

/// Illegal names have been reported where they stand, perhaps in another filter: no producer shall see them.
void add_topic(std::vector<std::string>& topics, const std::string& topic) {
  if (kafka::is_legal_topic_name(topic) && std::ranges::count(topics, topic) == 0) topics.push_back(topic);
}

/// A key nobody sets is legal and of no effect: most likely misspelt.
void warn_of_unset_key(config::Object& keys, const char* key, const std::string& name,
                       const std::set<std::string>& set_by_mappers, const char* mapper_key) {
  if (name.empty() || set_by_mappers.contains(name)) return;
  keys.find(key)->warning("no TopicMapper of this pipeline sets " + name + " (" + mapper_key + ")");
}

void warn_of_unset_keys(const KafkaOptions& options, const MapperPeers& mappers, const config::Value& value) {
  config::Object object(value);
  const auto mqtt = object.find_set("mqtt");
  if (!mqtt) return;
  config::Object keys(*mqtt);
  warn_of_unset_key(keys, "topicKey", options.topic_key, mappers.topic_keys, "setKV.topic");
  warn_of_unset_key(keys, "headerKey", options.header_key, mappers.header_keys, "setKV.headers");
}

class KafkaFactory {
 public:
  explicit KafkaFactory(const Services& services) : sink_(services.sink) {}

  std::unique_ptr<pipeline::Filter> make(const pipeline::FilterBuild& build) {
    const Reading reading(build.config);
    const MapperPeers mappers = read_mapper_peers(build.pipeline);
    KafkaOptions options = read_kafka(reading.value());
    options.producer.name = build.config.name;
    add_topic(options.producer.topics, options.default_topic);
    add_topic(options.producer.topics, options.producer.dead_letter_topic);
    for (const std::string& topic : mappers.kafka_topics) add_topic(options.producer.topics, topic);
    if (reading.ok()) {
      warn_of_unset_keys(options, mappers, reading.value());
      check_together(options.producer, reading.value());
    }
    if (!reading.publish()) return nullptr;
    try {
      std::shared_ptr<kafka::RecordSink> sink = sink_(options.producer);
      return std::make_unique<KafkaPublish>(std::move(options), std::move(sink), build.slots);
    } catch (const std::runtime_error& problem) {
      build.config.value.error(problem.what());
      return nullptr;
    }
  }

 private:
  void check_together(const kafka::ProducerOptions& options, const config::Value& value) {
    auto known = std::ranges::find(checked_, options, &Checked::first);
    if (known == checked_.end()) {
      known = checked_.insert(checked_.end(), {options, kafka::options_problem(options)});
    }
    if (!known->second) return;
    config::Object object(value);
    const auto properties = object.find_set("properties");
    (properties ? *properties : value).error(*known->second);
  }

  using Checked = std::pair<kafka::ProducerOptions, std::optional<std::string>>;
  std::function<std::shared_ptr<kafka::RecordSink>(const kafka::ProducerOptions&)> sink_;
  std::vector<Checked> checked_;
};

}  // namespace

std::function<std::unique_ptr<pipeline::Filter>(const pipeline::FilterBuild&)> kafka_factory(const Services& services) {
  return [factory = std::make_shared<KafkaFactory>(services)](const pipeline::FilterBuild& build) {
    return factory->make(build);
  };
}

}  // namespace mqttproxy::filters
