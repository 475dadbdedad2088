#include "mqttproxy/filters/register.hpp"

#include "client_auth.hpp"
#include "kafka_factory.hpp"
#include "peers.hpp"
#include "topic_mapper.hpp"

namespace mqttproxy::filters {

void register_all(pipeline::FilterRegistry& registry, const Services& services) {
  registry.add({"MQTTClientAuth", {"", "AuthFail"}, &ClientAuth::make});
  registry.add({kTopicMapperKind, {"", "MQTTTopicMapFailed"}, &TopicMapper::make});
  registry.add({kKafkaKind, {"", "getDataFailed"}, kafka_factory(services)});
  registry.alias(kKafkaKindAlias, kKafkaKind);
}

}  // namespace mqttproxy::filters
