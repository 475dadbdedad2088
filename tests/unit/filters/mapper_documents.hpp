// TopicMapper pipelines of the acceptance vectors. The Kafka filter writes no identity headers, so that a record shows
// exactly what was mapped.
#pragma once

#include <string>

namespace mqttproxy::test {

inline const std::string kMapperKafka = R"(- name: kafka
  kind: Kafka
  backend: ["127.0.0.1:9092"]
  mqtt: {topicKey: topic, headerKey: headers}
  headers: []
)";

/// Kept shapes of /d2s/… and /g2s/… topics.
inline const std::string kMapperM1 = R"(filters:
- name: mapper
  kind: TopicMapper
  setKV: {topic: topic, headers: headers}
  matchIndex: 0
  route:
  - {name: g2s, matchExpr: g2s}
  - {name: d2s, matchExpr: d2s}
  policies:
  - name: d2s
    topicIndex: 4
    route:
    - {topic: to_cloud, exprs: [log, status, event]}
    - {topic: to_raw, exprs: [raw]}
    headers: {0: d2s, 1: tenant, 2: device_type, 3: things_id, 4: event, 5: eventName}
  - name: g2s
    topicIndex: 8
    route:
    - {topic: to_cloud, exprs: [log, status, event, data]}
    - {topic: to_raw, exprs: [raw]}
    headers: {0: g2s, 1: gwTenantId, 2: gwInfoModelId, 3: gwThingsId, 4: d2s, 5: tenantId, 6: infoModelId,
              7: thingsId, 8: event, 9: eventName}
)" + kMapperKafka;

/// M1 one level deeper.
inline const std::string kMapperM2 = R"(filters:
- name: mapper
  kind: TopicMapper
  setKV: {topic: topic, headers: headers}
  matchIndex: 1
  route:
  - {name: g2s, matchExpr: g2s}
  - {name: d2s, matchExpr: d2s}
  policies:
  - name: d2s
    topicIndex: 5
    route:
    - {topic: to_cloud, exprs: [log, status, event]}
    - {topic: to_raw, exprs: [raw]}
    headers: {1: d2s, 2: tenant, 3: device_type, 4: things_id, 5: event}
  - name: g2s
    topicIndex: 9
    route:
    - {topic: to_cloud, exprs: [log, status, event, data]}
    - {topic: to_raw, exprs: [raw]}
    headers: {1: g2s, 2: gwTenantId, 3: gwInfoModelId, 4: gwThingsId, 5: d2s, 6: tenantId, 7: infoModelId,
              8: thingsId, 9: event}
)" + kMapperKafka;

/// The reference page's example; the page has topicIndex 3 for gateway.
inline std::string published_mapper(int gateway_topic_index, const std::string& kafka = kMapperKafka) {
  return R"(filters:
- name: mapper
  kind: TopicMapper
  setKV: {topic: topic, headers: headers}
  matchIndex: 0
  route:
  - {name: gateway, matchExpr: "gate*"}
  - {name: direct, matchExpr: "dir*"}
  policies:
  - name: direct
    topicIndex: 1
    route:
    - {topic: iot_phone, exprs: ["iphone", "xiaomi", "oppo", "pixel"]}
    - {topic: iot_other, exprs: [".*"]}
    headers: {0: direct, 1: device, 2: status}
  - name: gateway
    topicIndex: )" +
         std::to_string(gateway_topic_index) + R"(
    route:
    - {topic: iot_phone, exprs: ["iphone", "xiaomi", "oppo", "pixel"]}
    - {topic: iot_other, exprs: [".*"]}
    headers: {0: gateway, 1: gatewayID, 2: device, 3: status}
)" + kafka;
}

}  // namespace mqttproxy::test
