#include "http/status.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "../config/support.hpp"

namespace mqttproxy::http {
namespace {

TEST(DescribeProxies, SaysWhatRunsAndNothingThatIsSecret) {
  const config::test::TempFile file(R"(
kind: Node
name: node1
api: {token: token-secret}
---
kind: MQTTProxy
name: devices
port: 1883
address: 127.0.0.1
listeners: [{port: 1884, address: "::1", proxyProtocol: true}]
rules:
- {when: {packetType: Publish}, pipeline: up}
- {when: {packetType: Connect}, pipeline: in}
---
kind: Pipeline
name: in
filters: [{name: auth, kind: MQTTClientAuth, salt: salt-secret, auth: [{username: u, saltedSha256Pass: hash-secret}]}]
---
kind: Pipeline
name: up
flow:
- {filter: map, jumpIf: {mapFailed: END}}
- {filter: kafka}
filters:
- {name: map, kind: TopicMapper}
- {name: kafka, kind: Kafka, backend: ["b:1"], properties: {sasl.password: password-secret}}
)");
  const auto diagnostics = std::make_shared<config::Diagnostics>(file.path());
  const auto config = config::load(file.path(), diagnostics);
  ASSERT_TRUE(config) << diagnostics->format_errors();
  const Answer answer = describe_proxies(*config);
  EXPECT_EQ(answer.body.find("secret"), std::string::npos) << answer.body;
  EXPECT_EQ(nlohmann::json::parse(answer.body), nlohmann::json::parse(R"({"node": "node1", "proxies": [{
    "name": "devices",
    "listeners": [{"address": "127.0.0.1:1883", "tls": false, "proxyProtocol": false},
                  {"address": "[::1]:1884", "tls": false, "proxyProtocol": true}],
    "rules": [
      {"packetType": "Connect", "pipeline": "in",
       "flow": [{"filter": "auth", "kind": "MQTTClientAuth", "jumpIf": {}}]},
      {"packetType": "Publish", "pipeline": "up",
       "flow": [{"filter": "map", "kind": "TopicMapper", "jumpIf": {"mapFailed": "END"}},
                {"filter": "kafka", "kind": "Kafka", "jumpIf": {}}]}]}]})"));
}

}  // namespace
}  // namespace mqttproxy::http
