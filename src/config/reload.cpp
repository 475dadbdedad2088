// What a reload cannot change: reported like any other error of the new file.
#include <algorithm>
#include <initializer_list>
#include <string>

#include "mqttproxy/config/config.hpp"

#include "place.hpp"

namespace mqttproxy::config {

namespace {

constexpr std::string_view kRestart = "cannot change while the daemon runs: restart it, or set this back";

std::string text_of(const std::optional<Value>& value) {
  return value ? YAML::Dump(value->node()) : "";
}

/// The keys of the Node document that differ, each reported at its place.
class NodeComparison {
 public:
  NodeComparison(const NodeConfig& running, const NodeConfig& next, Diagnostics& diagnostics)
      : running_(running), next_(next), diagnostics_(diagnostics) {}

  void report() const {
    require(running_.name == next_.name, {"name"});
    require(running_.threads == next_.threads, {"threads"});
    require(running_.log.format == next_.log.format, {"log", "format"});
    require(running_.api.address == next_.api.address, {"api", "address"});
    require(running_.api.max_connections == next_.api.max_connections, {"api", "maxConnections"});
    require(running_.api.idle_timeout == next_.api.idle_timeout, {"api", "idleTimeout"});
    report_downlink();
  }

 private:
  void report_downlink() const {
    const DownlinkConfig& now = running_.downlink;
    const DownlinkConfig& then = next_.downlink;
    require(now.mode == then.mode, {"downlink", "mode"});
    require(now.queue_messages == then.queue_messages, {"downlink", "queue", "maxMessages"});
    require(now.queue_bytes == then.queue_bytes, {"downlink", "queue", "maxBytes"});
    if (now.mode != DownlinkMode::Kafka || then.mode != DownlinkMode::Kafka) return;
    require(text_of(now.backend) == text_of(then.backend), {"downlink", "backend"});
    require(text_of(now.topic) == text_of(then.topic), {"downlink", "topic"});
    require(text_of(now.sessions_topic) == text_of(then.sessions_topic), {"downlink", "sessionsTopic"});
    require(text_of(now.properties) == text_of(then.properties), {"downlink", "properties"});
    require(now.partitions == then.partitions, {"downlink", "partitions"});
    require(now.sessions_partitions == then.sessions_partitions, {"downlink", "sessionsPartitions"});
    require(now.replication_factor == then.replication_factor, {"downlink", "replicationFactor"});
    require(now.retention == then.retention, {"downlink", "retention"});
    require(now.create_topics == then.create_topics, {"downlink", "createTopics"});
    require(now.publish_timeout == then.publish_timeout, {"downlink", "publishTimeout"});
    require(now.memory_bytes == then.memory_bytes, {"downlink", "memory"});
    report_what_the_cluster_was_told();
  }

  /// The parts of the daemon that keep sessions in Kafka have these from the start.
  void report_what_the_cluster_was_told() const {
    const LimitsConfig& now = running_.limits;
    const LimitsConfig& then = next_.limits;
    require(now.max_topic_bytes == then.max_topic_bytes, {"limits", "maxTopicLength"});
    require(now.max_topic_levels == then.max_topic_levels, {"limits", "maxTopicLevels"});
    require(now.session_queue_messages == then.session_queue_messages, {"limits", "sessionQueueMessages"});
    require(now.session_queue_full == then.session_queue_full, {"limits", "sessionQueueFull"});
  }

  void require(bool same, std::initializer_list<std::string_view> keys) const {
    if (same) return;
    std::string path = "Node " + next_.name;
    std::optional<Value> place = next_.document;
    Mark mark = place ? place->mark() : Mark();
    for (const std::string_view key : keys) {
      path = child_path(path, key);
      place = place && place->node().IsMap() ? Object(*place).find(key) : std::nullopt;
      if (place) mark = place->mark();
    }
    diagnostics_.error(mark, std::move(path), std::string(kRestart));
  }

  const NodeConfig& running_;
  const NodeConfig& next_;
  Diagnostics& diagnostics_;
};

bool same_port(const ListenerConfig& one, const ListenerConfig& other) {
  return one.endpoint == other.endpoint && one.tls.has_value() == other.tls.has_value() &&
         one.proxy_protocol == other.proxy_protocol;
}

void report_proxy(const ProxyConfig& running, const ProxyConfig& next, Diagnostics& diagnostics) {
  if (std::ranges::equal(running.listeners, next.listeners, same_port)) return;
  diagnostics.error(next.mark, "MQTTProxy " + next.name,
                    "its listeners (port, address, useTLS, proxyProtocol, listeners) " + std::string(kRestart));
}

/// In the order of `running`.
std::vector<ProxyConfig> match(const Config& running, const Config& next) {
  std::vector<ProxyConfig> matched;
  for (const ProxyConfig& proxy : running.proxies) {
    const auto found = std::ranges::find(next.proxies, proxy.name, &ProxyConfig::name);
    if (found == next.proxies.end()) {
      next.diagnostics->error({}, "MQTTProxy " + proxy.name, "is not there any more: restart to take a proxy away");
    } else {
      report_proxy(proxy, *found, *next.diagnostics);
      matched.push_back(*found);
    }
  }
  for (const ProxyConfig& proxy : next.proxies) {
    if (std::ranges::find(running.proxies, proxy.name, &ProxyConfig::name) != running.proxies.end()) continue;
    next.diagnostics->error(proxy.mark, "MQTTProxy " + proxy.name, "is new: restart to add a proxy");
  }
  return matched;
}

}  // namespace

bool check_reload(const Config& running, Config& next) {
  NodeComparison(running.node, next.node, *next.diagnostics).report();
  next.proxies = match(running, next);
  return next.diagnostics->ok();
}

}  // namespace mqttproxy::config
