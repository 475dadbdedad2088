// What a correct file becomes, and what is wrong with the file as a whole. Errors inside documents: fixtures/.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support.hpp"

namespace mqttproxy::config {
namespace {

using namespace std::chrono_literals;
using test::load_text;

constexpr std::string_view kProxy =
    "kind: MQTTProxy\nname: m\nport: 1883\nrules:\n"
    "- {when: {packetType: Publish}, pipeline: p}\n"
    "- {when: {packetType: Connect}, pipeline: p}\n---\n";
constexpr std::string_view kPipeline = "kind: Pipeline\nname: p\nfilters:\n- {name: f, kind: Kafka}\n";

/// A complete file around one more document.
test::Loaded load_with(std::string_view document) {
  return load_text(std::string(kProxy) + std::string(kPipeline) + "---\n" + std::string(document));
}

std::size_t place(RuleType type) {
  return static_cast<std::size_t>(type);
}

TEST(Load, without_a_node_document_the_defaults_hold) {
  const auto loaded = load_with("");
  ASSERT_TRUE(loaded.config.has_value()) << loaded.errors;
  const NodeConfig& node = loaded.config->node;
  EXPECT_EQ(node.name, "mqttproxy");
  EXPECT_EQ(node.api.address.host, "127.0.0.1");
  EXPECT_EQ(node.api.address.port, 2381);
  EXPECT_EQ(node.api.token, "");
  EXPECT_FALSE(node.api.insecure);
  EXPECT_EQ(node.threads, 0U);
  EXPECT_EQ(node.log.level, "info");
  EXPECT_EQ(node.log.format, "text");
  EXPECT_EQ(node.limits.max_packet_bytes, 1'000'000U);
  EXPECT_EQ(node.limits.connect_timeout, 10s);
  EXPECT_EQ(node.limits.max_connections, 0U);
  EXPECT_EQ(node.limits.max_connections_per_address, 0U);
  EXPECT_EQ(node.limits.max_memory_bytes, 0U);
  EXPECT_EQ(node.limits.max_client_id_bytes, 1'024U);
  EXPECT_EQ(node.limits.max_topic_bytes, 4'096U);
  EXPECT_EQ(node.limits.max_topic_levels, 128U);
  EXPECT_EQ(node.limits.max_filters_per_packet, 1'000U);
  EXPECT_EQ(node.limits.ack_window, 1'000U);
  EXPECT_EQ(node.limits.drain_timeout, 30s);
}

TEST(Load, downlink_defaults) {
  const auto loaded = load_with("");
  ASSERT_TRUE(loaded.config.has_value()) << loaded.errors;
  const NodeConfig& node = loaded.config->node;
  EXPECT_EQ(node.api.max_body_bytes, 8U << 20U);
  EXPECT_EQ(node.api.max_connections, 1'024U);
  EXPECT_EQ(node.api.idle_timeout, 60s);
  EXPECT_EQ(node.limits.session_expiry, 24h);
  EXPECT_EQ(node.limits.max_filters_per_session, 10'000U);
  EXPECT_EQ(node.limits.inflight_window, 20U);
  EXPECT_EQ(node.limits.session_queue_messages, 1'000U);
  EXPECT_EQ(node.limits.session_queue_bytes, 8U << 20U);
  EXPECT_EQ(node.limits.session_queue_full, QueueFull::DropOldest);
  EXPECT_EQ(node.limits.max_unsent_bytes, 1U << 20U);
  EXPECT_EQ(node.downlink.mode, DownlinkMode::Local);
  EXPECT_EQ(node.downlink.queue_messages, 100'000U);
  EXPECT_EQ(node.downlink.queue_bytes, 64U << 20U);
}

TEST(Load, every_downlink_key_arrives) {
  const auto loaded = load_with(
      "kind: Node\napi: {maxBodySize: 1KiB, maxConnections: 2, idleTimeout: 3s}\n"
      "limits: {sessionExpiry: 4s, maxFiltersPerSession: 5, inflightWindow: 6, sessionQueueMessages: 7,\n"
      "  sessionQueueBytes: 8KiB, sessionQueueFull: dropNewest, maxUnsentBytes: 9KiB}\n"
      "downlink: {mode: local, queue: {maxMessages: 10, maxBytes: 11KiB}}\n");
  ASSERT_TRUE(loaded.config.has_value()) << loaded.errors;
  const NodeConfig& node = loaded.config->node;
  EXPECT_EQ(node.api.max_body_bytes, 1'024U);
  EXPECT_EQ(node.api.max_connections, 2U);
  EXPECT_EQ(node.api.idle_timeout, 3s);
  EXPECT_EQ(node.limits.session_expiry, 4s);
  EXPECT_EQ(node.limits.max_filters_per_session, 5U);
  EXPECT_EQ(node.limits.inflight_window, 6U);
  EXPECT_EQ(node.limits.session_queue_messages, 7U);
  EXPECT_EQ(node.limits.session_queue_bytes, 8'192U);
  EXPECT_EQ(node.limits.session_queue_full, QueueFull::DropNewest);
  EXPECT_EQ(node.limits.max_unsent_bytes, 9'216U);
  EXPECT_EQ(node.downlink.queue_messages, 10U);
  EXPECT_EQ(node.downlink.queue_bytes, 11U * 1'024);
}

TEST(Load, every_kafka_downlink_key_arrives) {
  const auto loaded = load_with(
      "kind: Node\ndownlink: {mode: kafka, backend: [embedded], topic: t, partitions: 10000, replicationFactor: 100,\n"
      "  retention: 1s, createTopics: false, publishTimeout: 5m, properties: {a: b}}\n");
  ASSERT_TRUE(loaded.config.has_value()) << loaded.errors;
  const DownlinkConfig& downlink = loaded.config->node.downlink;
  EXPECT_EQ(downlink.mode, DownlinkMode::Kafka);
  EXPECT_EQ(downlink.backend.value().path(), "Node mqttproxy: downlink.backend");
  EXPECT_EQ(downlink.topic.value().as_string(), "t");
  EXPECT_TRUE(downlink.properties.has_value());
  EXPECT_EQ(downlink.partitions, 10'000);
  EXPECT_EQ(downlink.replication_factor, 100);
  EXPECT_EQ(downlink.retention, 1s);
  EXPECT_FALSE(downlink.create_topics);
  EXPECT_EQ(downlink.publish_timeout, 5min);
}

TEST(Load, a_stored_session_has_room_for_so_many_messages) {
  const std::string node = "kind: Node\ndownlink: {mode: kafka, backend: [embedded]}\nlimits: {sessionQueueMessages: ";
  EXPECT_EQ(load_with(node + "15000}\n").warnings, "");
  EXPECT_THAT(load_with(node + "15001}\n").warnings,
              testing::HasSubstr("15:10: Node mqttproxy: limits.sessionQueueMessages: with \"downlink.mode: kafka\" a "
                                 "session that is stored keeps no more than 15000 messages"));
  EXPECT_EQ(load_with("kind: Node\nlimits: {sessionQueueMessages: 15001}\n").warnings, "");
}

TEST(Load, every_key_of_the_node_document_arrives) {
  const test::TempFile token("t0ken\n");
  const auto loaded =
      load_with("kind: Node\nname: n1\nthreads: 256\napi: {address: '[::]:0', token: 'file:" + token.path().string() +
                "'}\nlog: {level: trace, format: json}\n"
                "limits: {maxPacketSize: 268435455, connectTimeout: 5m, maxConnections: 7, maxClientIdLength: 23,\n"
                "  maxConnectionsPerAddress: 8, maxMemory: 3GiB,\n"
                "  maxTopicLength: 65535, maxTopicLevels: 3, maxFiltersPerSubscribe: 4, ackWindow: 65535,\n"
                "  maxWaitingWills: 5, maxWaitingPasswords: 6, drainTimeout: 0}\n"
                "downlink: {mode: local}\n");
  ASSERT_TRUE(loaded.config.has_value()) << loaded.errors;
  const NodeConfig& node = loaded.config->node;
  EXPECT_EQ(node.name, "n1");
  EXPECT_EQ(node.threads, 256U);
  EXPECT_EQ(node.api.address.host, "::");
  EXPECT_EQ(node.api.address.port, 0);
  EXPECT_EQ(node.api.token, "t0ken");
  EXPECT_EQ(node.log.level, "trace");
  EXPECT_EQ(node.log.format, "json");
  EXPECT_EQ(node.limits.max_packet_bytes, 268'435'455U);
  EXPECT_EQ(node.limits.connect_timeout, 5min);
  EXPECT_EQ(node.limits.max_connections, 7U);
  EXPECT_EQ(node.limits.max_connections_per_address, 8U);
  EXPECT_EQ(node.limits.max_memory_bytes, 3ULL << 30U);
  EXPECT_EQ(node.limits.max_client_id_bytes, 23U);
  EXPECT_EQ(node.limits.max_topic_bytes, 65'535U);
  EXPECT_EQ(node.limits.max_topic_levels, 3U);
  EXPECT_EQ(node.limits.max_filters_per_packet, 4U);
  EXPECT_EQ(node.limits.ack_window, 65'535U);
  EXPECT_EQ(node.limits.max_waiting_wills, 5U);
  EXPECT_EQ(node.limits.max_waiting_passwords, 6U);
  EXPECT_EQ(node.limits.drain_timeout, 0s);
}

TEST(Load, a_localhost_api_address_becomes_a_literal) {
  const auto loaded = load_with("kind: Node\napi: {address: 'localhost:80'}\n");
  ASSERT_TRUE(loaded.config.has_value()) << loaded.errors;
  EXPECT_EQ(loaded.config->node.api.address.host, "127.0.0.1");
  EXPECT_EQ(loaded.config->node.api.address.port, 80);
}

TEST(Load, every_loopback_address_needs_no_token) {
  for (const char* address : {"127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1", "localhost:1"}) {
    const auto loaded = load_with("kind: Node\napi: {address: '" + std::string(address) + "'}\n");
    EXPECT_TRUE(loaded.config.has_value()) << address << loaded.errors;
    EXPECT_EQ(loaded.warnings, "");
  }
}

TEST(Load, an_exposed_api_needs_a_token_or_an_explicit_word) {
  for (const char* address : {"0.0.0.0:1", "[::]:1", "10.0.0.1:1", "[::ffff:10.0.0.1]:1", "[fe80::1]:1"}) {
    const std::string api = "kind: Node\napi: {address: '" + std::string(address) + "'";
    EXPECT_EQ(load_with(api + "}\n").errors,
              "14:7: Node mqttproxy: api.address: other machines can reach this address: it needs a token, client "
              "certificates (tls.clientCAFile) or \"insecure: true\"\n");
    EXPECT_TRUE(load_with(api + ", token: x}\n").config.has_value());
    const auto insecure = load_with(api + ", insecure: true}\n");
    ASSERT_TRUE(insecure.config.has_value());
    EXPECT_TRUE(insecure.config->node.api.insecure);
    EXPECT_EQ(insecure.warnings,
              "14:7: Node mqttproxy: api.address: the API is open to everybody who can reach this address\n");
  }
}

TEST(Load, a_proxy_with_only_what_it_needs) {
  const auto loaded = load_with("");
  ASSERT_TRUE(loaded.config.has_value()) << loaded.errors;
  ASSERT_EQ(loaded.config->proxies.size(), 1U);
  const ProxyConfig& proxy = loaded.config->proxies[0];
  EXPECT_EQ(proxy.name, "m");
  EXPECT_EQ(proxy.listeners.at(0).endpoint.host, "::");
  EXPECT_EQ(proxy.listeners.at(0).endpoint.port, 1883);
  EXPECT_EQ(proxy.max_allowed_connection, 0U);
  EXPECT_FALSE(proxy.easegress_connect_refusal);
  EXPECT_FALSE(proxy.connect_rate.limited() || proxy.publish_rate.limited());
  EXPECT_EQ(proxy.mark.line, 1);
}

TEST(Load, every_living_key_of_a_proxy_arrives) {
  const auto loaded = load_text(
      "kind: MQTTProxy\nname: m\nversion: v\nlabels: {a: b}\ncreatedAt: x\naddress: 10.1.2.3\nport: 0\n"
      "useTLS: false\ncertificate: []\nlisteners: []\nclientCAFile: ''\ntopicCacheSize: -1\nbrokerMode: false\n"
      "maxAllowedConnection: 4294967295\nconnectRefusal: easegress\nconnectionLimit: {timePeriod: 10, bytesRate: 5}\n"
      "clientPublishLimit: {requestRate: 7, bytesRate: 0, timePeriod: -1}\nrules:\n"
      "- {when: {packetType: Publish}, pipeline: b}\n- {when: {packetType: Connect}, pipeline: a}\n"
      "- {when: {packetType: Subscribe}, pipeline: a}\n- {when: {packetType: Unsubscribe}, pipeline: b}\n"
      "- {when: {packetType: Disconnect}, pipeline: a}\n"
      "---\nkind: Pipeline\nname: a\nfilters: []\n---\nkind: Pipeline\nname: b\nprotocol: MQTT\nfilters: []\n");
  ASSERT_TRUE(loaded.config.has_value()) << loaded.errors;
  const ProxyConfig& proxy = loaded.config->proxies.at(0);
  EXPECT_EQ(proxy.listeners.at(0).endpoint.host, "10.1.2.3");
  EXPECT_EQ(proxy.listeners.at(0).endpoint.port, 0);
  EXPECT_EQ(proxy.max_allowed_connection, 4'294'967'295U);
  EXPECT_TRUE(proxy.easegress_connect_refusal);
  EXPECT_EQ(proxy.connect_rate.requests, 0U);
  EXPECT_EQ(proxy.connect_rate.bytes, 5U);
  EXPECT_EQ(proxy.connect_rate.period, 10s);
  EXPECT_EQ(proxy.publish_rate.requests, 7U);
  EXPECT_EQ(proxy.publish_rate.bytes, 0U);
  EXPECT_EQ(proxy.publish_rate.period, 1s) << "as Easegress takes what is not above 0";
  EXPECT_EQ(proxy.pipelines[place(RuleType::Publish)], 1U);
  EXPECT_EQ(proxy.pipelines[place(RuleType::Connect)], 0U);
  EXPECT_EQ(proxy.pipelines[place(RuleType::Subscribe)], 0U);
  EXPECT_EQ(proxy.pipelines[place(RuleType::Unsubscribe)], 1U);
  EXPECT_EQ(proxy.pipelines[place(RuleType::Disconnect)], 0U);
  EXPECT_EQ(loaded.warnings, "");
}

TEST(Load, packet_types_without_a_rule_have_no_pipeline) {
  const auto loaded = load_with("");
  ASSERT_TRUE(loaded.config.has_value()) << loaded.errors;
  EXPECT_EQ(loaded.config->proxies[0].pipelines[place(RuleType::Subscribe)], std::nullopt);
}

TEST(Load, documents_come_in_any_order) {
  const auto loaded = load_text(std::string(kPipeline) + "---\nkind: Node\n---\n" + std::string(kProxy));
  EXPECT_TRUE(loaded.config.has_value()) << loaded.errors;
}

TEST(Load, several_proxies_and_pipelines_keep_their_order) {
  const auto loaded = load_with(
      "kind: MQTTProxy\nname: m2\naddress: 127.0.0.1\nport: 1884\nrules:\n"
      "- {when: {packetType: Publish}, pipeline: p2}\n- {when: {packetType: Connect}, pipeline: p}\n"
      "---\nkind: Pipeline\nname: p2\nfilters: []\n");
  ASSERT_TRUE(loaded.config.has_value()) << loaded.errors;
  ASSERT_EQ(loaded.config->proxies.size(), 2U);
  EXPECT_EQ(loaded.config->proxies[1].name, "m2");
  EXPECT_EQ(loaded.config->proxies[1].pipelines[place(RuleType::Publish)], 1U);
  ASSERT_EQ(loaded.config->pipelines.size(), 2U);
  EXPECT_EQ(loaded.config->pipelines[1].name, "p2");
}

TEST(Load, proxies_share_a_port_on_different_addresses_or_when_the_system_chooses) {
  const auto proxy = [](const std::string& name, const std::string& address, int port) {
    return "kind: MQTTProxy\nname: " + name + "\naddress: " + address + "\nport: " + std::to_string(port) +
           "\nrules:\n- {when: {packetType: Publish}, pipeline: p}\n- {when: {packetType: Connect}, pipeline: "
           "p}\n---\n";
  };
  const std::string end(kPipeline);
  EXPECT_TRUE(load_text(proxy("a", "127.0.0.1", 1) + proxy("b", "127.0.0.2", 1) + end).config.has_value());
  EXPECT_TRUE(load_text(proxy("a", "'::'", 0) + proxy("b", "'::'", 0) + end).config.has_value());
  const std::string taken = "12:1: MQTTProxy b: port: port 1 is already taken by the listener at line 4\n";
  EXPECT_EQ(load_text(proxy("a", "127.0.0.1", 1) + proxy("b", "localhost", 1) + end).errors, taken);
  EXPECT_EQ(load_text(proxy("a", "0.0.0.0", 1) + proxy("b", "127.0.0.2", 1) + end).errors, taken);
  EXPECT_EQ(load_text(proxy("a", "127.0.0.2", 1) + proxy("b", "'::0'", 1) + end).errors, taken);
}

TEST(Load, without_a_flow_the_filters_run_in_their_order) {
  for (const char* flow : {"", "flow:\n", "flow: []\n"}) {
    const auto loaded = load_text(std::string(kProxy) + "kind: Pipeline\nname: p\n" + flow +
                                  "filters:\n- {name: one, kind: A}\n- {name: two, kind: B, x: 1}\n");
    ASSERT_TRUE(loaded.config.has_value()) << loaded.errors;
    const PipelineConfig& pipeline = loaded.config->pipelines.at(0);
    ASSERT_EQ(pipeline.filters.size(), 2U);
    EXPECT_EQ(pipeline.filters[1].kind, "B");
    EXPECT_EQ(Object(pipeline.filters[1].value).integer_or("x", 0, 0, 9), 1);
    ASSERT_EQ(pipeline.flow.size(), 2U);
    EXPECT_EQ(pipeline.flow[0].filter, "one");
    EXPECT_EQ(pipeline.flow[1].filter, "two");
    EXPECT_EQ(pipeline.flow[1].alias, "two");
    EXPECT_TRUE(pipeline.flow[1].jump_if.empty());
  }
}

TEST(Load, a_flow_arrives_with_aliases_and_jumps) {
  const auto loaded = load_text(std::string(kProxy) +
                                "kind: Pipeline\nname: p\nresilience: []\ndata: {}\n"
                                "filters:\n- {name: one, kind: A}\n"
                                "flow:\n"
                                "- filter: one\n  namespace: ''\n"
                                "  jumpIf:\n    '': again\n    failed: END\n"
                                "- filter: END\n"
                                "- {filter: one, alias: again, jumpIf: }\n");
  ASSERT_TRUE(loaded.config.has_value()) << loaded.errors;
  const auto& flow = loaded.config->pipelines.at(0).flow;
  ASSERT_EQ(flow.size(), 3U);
  EXPECT_EQ(flow[0].alias, "one");
  ASSERT_EQ(flow[0].jump_if.size(), 2U);
  EXPECT_EQ(flow[0].jump_if[0].result, "");
  EXPECT_EQ(flow[0].jump_if[0].target, "again");
  EXPECT_EQ(flow[0].jump_if[1].result, "failed");
  EXPECT_EQ(flow[0].jump_if[1].target, "END");
  EXPECT_EQ(flow[0].jump_if[1].mark.line, 19);
  EXPECT_EQ(flow[1].filter, "END");
  EXPECT_EQ(flow[2].filter, "one");
  EXPECT_EQ(flow[2].alias, "again");
  EXPECT_EQ(flow[2].mark.line, 21);
}

TEST(Load, names_may_have_any_letters) {
  const std::string longest(253, 'x');
  for (const std::string& name : {std::string("a-b_c.d~9"), std::string("größe"), std::string("代理"), longest}) {
    EXPECT_TRUE(load_with("kind: Node\nname: " + name + "\n").config.has_value()) << name;
  }
  for (const std::string& name : {std::string("a b"), std::string("a/b"), std::string("''"), longest + "x"}) {
    EXPECT_FALSE(load_with("kind: Node\nname: " + name + "\n").config.has_value()) << name;
  }
}

TEST(Load, a_length_of_253_counts_characters_not_bytes) {
  std::string name;
  for (int i = 0; i < 253; ++i) name += "ü";
  EXPECT_TRUE(load_with("kind: Node\nname: " + name + "\n").config.has_value());
  EXPECT_FALSE(load_with("kind: Node\nname: " + name + "ü\n").config.has_value());
}

TEST(Load, a_file_that_cannot_be_read_is_an_error_of_the_file) {
  EXPECT_EQ(test::load_file("/nowhere/at/all").errors, " the file cannot be read: No such file or directory\n");
  EXPECT_EQ(test::load_file("/").errors, " the file cannot be read: it is a directory\n");
}

TEST(Load, a_file_beyond_reason_is_refused) {
  const test::TempFile file(std::string((16U << 20U) + 1, '#'));
  EXPECT_EQ(test::load_file(file.path()).errors, " the file cannot be read: it is longer than 16777216 bytes\n");
}

TEST(Load, control_characters_do_not_end_the_file_silently) {
  const std::string text = " YAML syntax: control characters, or bytes that are not UTF-8\n";
  EXPECT_EQ(load_text("kind: Node\nname: a\x04\n").errors, "2:1:" + text);
  EXPECT_EQ(load_text(std::string("a: \0", 4)).errors, "1:1:" + text);
  EXPECT_EQ(load_text("a: b\n\nc: \xC3\n\xA9: d").errors, "3:1:" + text);
}

TEST(Load, windows_line_breaks_and_a_byte_order_mark_are_fine) {
  std::string text = "\xEF\xBB\xBF" + std::string(kProxy) + std::string(kPipeline);
  for (std::size_t at = text.find('\n'); at != std::string::npos; at = text.find('\n', at + 2)) {
    text.insert(at, "\r");
  }
  const auto loaded = load_text(text);
  EXPECT_TRUE(loaded.config.has_value()) << loaded.errors;
}

TEST(Load, an_undefined_anchor_is_not_repeated) {
  EXPECT_EQ(load_text("token: *hunter2\n").errors,
            "1:8: YAML syntax: the referenced anchor is not defined (text that starts with * needs quotes)\n");
}

TEST(Load, deep_nesting_is_an_error_and_no_crash) {
  EXPECT_FALSE(load_text("a: " + std::string(100'000, '[')).config.has_value());
}

TEST(Load, an_anchor_that_contains_itself_is_harmless) {
  EXPECT_FALSE(load_text("&a\nkind: MQTTProxy\nname: m\nrules: *a\nport: [*a]\nx: &b [*b]\n").config.has_value());
}

TEST(LoadForCheck, a_file_with_errors_has_its_sound_pipelines_and_the_others_empty) {
  const test::TempFile file(
      "kind: Pipeline\nname: broken\nfilters:\n- {name: a, kind: A}\n- {name: a, kind: A}\n---\n"
      "kind: Pipeline\nname: sound\nfilters:\n- {name: b, kind: B}\n---\n"
      "kind: MQTTProxy\nname: m\nport: x\n");
  const auto diagnostics = std::make_shared<Diagnostics>("f");
  const auto config = load_for_check(file.path(), diagnostics);
  EXPECT_FALSE(diagnostics->ok());
  ASSERT_TRUE(config.has_value());
  ASSERT_EQ(config->pipelines.size(), 2U);
  EXPECT_EQ(config->pipelines[0].name, "broken");
  EXPECT_TRUE(config->pipelines[0].filters.empty());
  EXPECT_TRUE(config->pipelines[0].flow.empty());
  ASSERT_EQ(config->pipelines[1].filters.size(), 1U);
  EXPECT_EQ(config->pipelines[1].flow.size(), 1U);
  config->pipelines[1].filters[0].value.error("found as well");
  EXPECT_EQ(diagnostics->errors().back().path, "Pipeline sound: filters[0]");
}

TEST(LoadForCheck, a_file_that_is_no_yaml_has_nothing_to_check) {
  const test::TempFile file("kind: [\n");
  EXPECT_FALSE(load_for_check(file.path(), std::make_shared<Diagnostics>("f")).has_value());
}

TEST(Load, values_outlive_the_call) {
  std::optional<Config> config = load_with("").config;
  ASSERT_TRUE(config.has_value());
  const Config moved = std::move(*config);
  config.reset();
  moved.pipelines.at(0).filters.at(0).value.error("late");
  EXPECT_EQ(moved.diagnostics->format_errors(), "f:11:3: Pipeline p: filters[0]: late\n");
}

}  // namespace
}  // namespace mqttproxy::config
