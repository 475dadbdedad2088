#include "common.hpp"

#include <string_view>

#include "mqttproxy/kafka/properties.hpp"

namespace mqttproxy::filters {

bool Reading::publish() const {
  for (const config::Problem& problem : own_.errors()) outer_.error(problem.mark, problem.path, problem.text);
  for (const config::Problem& problem : own_.warnings()) outer_.warning(problem.mark, problem.path, problem.text);
  return own_.ok();
}

void ignore_common_keys(config::Object& object) {
  for (const std::string_view key : {"name", "kind", "version", "labels", "createdAt"}) object.ignore(key);
}

void check_kafka_topic(const config::Value& value, const std::string& name) {
  if (kafka::is_legal_topic_name(name)) return;
  value.error("not a legal Kafka topic name: 1 to 249 of A-Z a-z 0-9 . _ -, and neither . nor ..");
}

}  // namespace mqttproxy::filters
