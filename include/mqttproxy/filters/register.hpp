// Every filter kind of this project.
#pragma once

#include <functional>
#include <memory>

#include "mqttproxy/kafka/producer.hpp"
#include "mqttproxy/pipeline/filter.hpp"
#include "mqttproxy/util/task_pool.hpp"

namespace mqttproxy::filters {

struct Services {
  /// The sink for a Kafka filter's options; called at build time, equal options get the same sink. Filters hold on to
  /// theirs. Throws std::runtime_error with librdkafka's reason.
  std::function<std::shared_ptr<kafka::RecordSink>(const kafka::ProducerOptions&)> sink;
  /// Where scrypt and PBKDF2 are computed; outlives the filters. nullptr: users with such hashes are refused.
  util::TaskPool* hashing = nullptr;
};

/// Adds ACL, ConnectControl, JWTAuth, MQTTClientAuth, TopicMapper, Kafka (= KafkaMQTT).
void register_all(pipeline::FilterRegistry& registry, const Services& services);

}  // namespace mqttproxy::filters
