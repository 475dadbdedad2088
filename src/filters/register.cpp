#include "mqttproxy/filters/register.hpp"

#include "acl_options.hpp"
#include "client_auth_options.hpp"
#include "connect_control.hpp"
#include "jwt_auth_options.hpp"
#include "kafka_factory.hpp"
#include "peers.hpp"
#include "topic_mapper.hpp"

namespace mqttproxy::filters {

void register_all(pipeline::FilterRegistry& registry, const Services& services) {
  registry.add({"ACL", {"", "notAllowed"}, &make_acl});
  registry.add({"ConnectControl", {"", "bannedClientOrTopicError"}, &ConnectControl::make});
  registry.add({"JWTAuth", {"", "AuthFail"}, &make_jwt_auth});
  registry.add({ClientAuth::kKind, {"", "AuthFail"}, client_auth_factory(services.hashing)});
  registry.add({kTopicMapperKind, {"", "MQTTTopicMapFailed"}, &TopicMapper::make});
  registry.add({kKafkaKind, {"", "getDataFailed"}, kafka_factory(services)});
  registry.alias(kKafkaKindAlias, kKafkaKind);
}

}  // namespace mqttproxy::filters
