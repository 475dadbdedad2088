#include <algorithm>
#include <array>
#include <span>

#include "documents.hpp"
#include "endpoint.hpp"
#include "place.hpp"
#include "tls.hpp"

namespace mqttproxy::config {

namespace {

using std::chrono::milliseconds;

constexpr std::int64_t kMaxThreads = 256;
constexpr std::uint64_t kMinPacketBytes = 64;
constexpr std::uint64_t kMaxPacketBytes = (256ULL << 20U) - 1;  // the largest Remaining Length
constexpr std::int64_t kMaxConnections = 10'000'000;
constexpr std::int64_t kMinClientIdBytes = 23;  // [MQTT-3.1.3-5] every server takes client ids up to 23 bytes
constexpr std::int64_t kMaxStringBytes = 65'535;
constexpr std::int64_t kMaxAckWindow = 65'535;
constexpr milliseconds kMinConnectTimeout{100};
constexpr milliseconds kMaxConnectTimeout{300'000};
constexpr milliseconds kMaxSessionExpiry{std::chrono::hours(24 * 365)};
constexpr milliseconds kMaxDrainTimeout{3'600'000};
constexpr std::int64_t kMaxPartitions = 10'000;
constexpr std::int64_t kMaxReplicationFactor = 100;
constexpr std::int64_t kMaxSessionsPartitions = 1'000;
constexpr std::uint64_t kMinDownlinkMemory = 64ULL << 10U;
constexpr milliseconds kMinRetention{1'000};
constexpr milliseconds kMaxRetention{std::chrono::hours(24 * 365 * 10)};
constexpr milliseconds kMinPublishTimeout{100};
constexpr milliseconds kMaxPublishTimeout{300'000};

constexpr std::array<std::string_view, 5> kLogLevels = {"trace", "debug", "info", "warn", "error"};
constexpr std::array<std::string_view, 2> kLogFormats = {"text", "json"};
constexpr std::array<std::string_view, 2> kDownlinkModes = {"local", "kafka"};
constexpr std::array<std::string_view, 11> kKafkaDownlinkKeys = {
    "backend",           "topic",     "sessionsTopic", "sessionsPartitions", "partitions",
    "replicationFactor", "retention", "createTopics",  "publishTimeout",     "memory",
    "properties"};
constexpr std::array<std::string_view, 2> kQueueFull = {"dropOldest", "dropNewest"};
constexpr std::int64_t kMaxApiConnections = 100'000;
constexpr std::int64_t kMaxQueueMessages = 10'000'000;
constexpr std::uint64_t kMaxQueueBytes = 64ULL << 30U;
constexpr std::uint64_t kMinBodyBytes = 1'024;
constexpr std::uint64_t kMaxBodyBytes = 1ULL << 30U;
constexpr std::uint64_t kMinUnsentBytes = 1'024;

/// Reads the map under `key` with `read`, when there is one.
template <class Read>
void read_section(Object& parent, std::string_view key, Read read) {
  const auto value = parent.find_set(key);
  if (!value) return;
  Object section(*value);
  if (!section.valid()) return;
  read(section);
  section.finish();
}

template <class Number>
void read_number(Object& section, std::string_view key, Number& out, std::int64_t min, std::int64_t max) {
  out = static_cast<Number>(section.integer_or(key, out, min, max));
}

void read_choice(Object& section, std::string_view key, std::string& out, std::span<const std::string_view> choices) {
  const auto value = section.find_set(key);
  auto choice = value ? value->as_choice(choices) : std::nullopt;
  if (choice) out = std::move(*choice);
}

void read_token(const Value& value, std::string& out) {
  const auto token = value.as_secret();
  if (!token) return;
  // It travels in an HTTP header.
  const bool usable = !token->empty() && std::ranges::all_of(*token, [](char c) { return c > ' ' && c <= '~'; });
  if (usable) {
    out = *token;
  } else {
    value.error("a token is one or more ASCII characters without blanks");
  }
}

void read_api(Object& section, ApiConfig& api) {
  const auto address = section.find_set("address");
  const auto token = section.find("token");
  if (token) read_token(*token, api.token);
  api.insecure = section.bool_or("insecure", false);
  api.max_body_bytes =
      static_cast<std::uint32_t>(section.bytes_or("maxBodySize", api.max_body_bytes, kMinBodyBytes, kMaxBodyBytes));
  read_number(section, "maxConnections", api.max_connections, 1, kMaxApiConnections);
  api.idle_timeout = section.duration_or("idleTimeout", api.idle_timeout, milliseconds(1'000), milliseconds(3'600'000));
  const auto tls = section.find("tls");  // an empty one is no reason to open in the clear
  if (tls) api.tls = read_api_tls(*tls);
  if (!address) return;

  const auto text = address->as_string();
  if (!text) return;
  const auto endpoint = parse_endpoint(*text);
  if (!endpoint) {
    address->error("expected an IP address (or localhost) and a port, such as 127.0.0.1:2381 or [::1]:2381, found " +
                   describe(address->node()));
    return;
  }
  api.address = *endpoint;
  const bool asks_for_certificates = tls && (!api.tls || api.tls->client_ca);
  if (is_loopback(endpoint->host) || token || asks_for_certificates) return;
  if (!api.insecure) {
    address->error(
        "other machines can reach this address: it needs a token, client certificates (tls.clientCAFile) or "
        "\"insecure: true\"");
  } else {
    address->warning("the API is open to everybody who can reach this address");
  }
}

void read_limits(Object& section, LimitsConfig& limits) {
  limits.max_packet_bytes = static_cast<std::uint32_t>(
      section.bytes_or("maxPacketSize", limits.max_packet_bytes, kMinPacketBytes, kMaxPacketBytes));
  limits.connect_timeout =
      section.duration_or("connectTimeout", limits.connect_timeout, kMinConnectTimeout, kMaxConnectTimeout);
  read_number(section, "maxConnections", limits.max_connections, 0, kMaxConnections);
  read_number(section, "maxConnectionsPerAddress", limits.max_connections_per_address, 0, kMaxConnections);
  limits.max_memory_bytes = section.bytes_or("maxMemory", limits.max_memory_bytes, 0, kMaxQueueBytes);
  read_number(section, "maxClientIdLength", limits.max_client_id_bytes, kMinClientIdBytes, kMaxStringBytes);
  read_number(section, "maxTopicLength", limits.max_topic_bytes, 1, kMaxStringBytes);
  read_number(section, "maxTopicLevels", limits.max_topic_levels, 1, kMaxStringBytes);
  read_number(section, "maxFiltersPerSubscribe", limits.max_filters_per_packet, 1, kMaxStringBytes);
  read_number(section, "ackWindow", limits.ack_window, 1, kMaxAckWindow);
  read_number(section, "maxWaitingWills", limits.max_waiting_wills, 1, kMaxQueueMessages);
  read_number(section, "maxWaitingPasswords", limits.max_waiting_passwords, 1, kMaxQueueMessages);
  limits.session_expiry =
      section.duration_or("sessionExpiry", limits.session_expiry, milliseconds(1'000), kMaxSessionExpiry);
  read_number(section, "maxSessions", limits.max_sessions, 0, kMaxConnections);
  read_number(section, "maxFiltersPerSession", limits.max_filters_per_session, 1, kMaxQueueMessages);
  read_number(section, "inflightWindow", limits.inflight_window, 1, kMaxStringBytes);
  read_number(section, "sessionQueueMessages", limits.session_queue_messages, 1, kMaxQueueMessages);
  limits.session_queue_bytes =
      section.bytes_or("sessionQueueBytes", limits.session_queue_bytes, kMinUnsentBytes, kMaxQueueBytes);
  std::string full(kQueueFull[0]);
  read_choice(section, "sessionQueueFull", full, kQueueFull);
  limits.session_queue_full = full == kQueueFull[0] ? QueueFull::DropOldest : QueueFull::DropNewest;
  limits.max_unsent_bytes =
      section.bytes_or("maxUnsentBytes", limits.max_unsent_bytes, kMinUnsentBytes, kMaxQueueBytes);
  limits.drain_timeout = section.duration_or("drainTimeout", limits.drain_timeout, milliseconds(0), kMaxDrainTimeout);
}

std::optional<std::int32_t> read_count(Object& section, std::string_view key, std::int64_t max) {
  const auto value = section.find_set(key);
  const auto count = value ? value->as_integer(1, max) : std::nullopt;
  return count ? std::optional(static_cast<std::int32_t>(*count)) : std::nullopt;
}

void read_kafka_downlink(Object& section, DownlinkConfig& downlink) {
  downlink.backend = section.require("backend");
  downlink.topic = section.find_set("topic");
  downlink.properties = section.find_set("properties");
  downlink.partitions = read_count(section, "partitions", kMaxPartitions);
  downlink.replication_factor = read_count(section, "replicationFactor", kMaxReplicationFactor);
  if (const auto retention = section.find_set("retention")) {
    downlink.retention = retention->as_duration(kMinRetention, kMaxRetention);
  }
  downlink.create_topics = section.bool_or("createTopics", downlink.create_topics);
  downlink.publish_timeout =
      section.duration_or("publishTimeout", downlink.publish_timeout, kMinPublishTimeout, kMaxPublishTimeout);
  downlink.sessions_topic = section.find_set("sessionsTopic");
  downlink.sessions_partitions = read_count(section, "sessionsPartitions", kMaxSessionsPartitions);
  downlink.memory_bytes = section.bytes_or("memory", downlink.memory_bytes, kMinDownlinkMemory, kMaxQueueBytes);
}

void read_downlink(Object& section, DownlinkConfig& downlink) {
  std::string mode(kDownlinkModes[0]);
  read_choice(section, "mode", mode, kDownlinkModes);
  downlink.mode = mode == kDownlinkModes[0] ? DownlinkMode::Local : DownlinkMode::Kafka;
  read_section(section, "queue", [&](Object& queue) {
    read_number(queue, "maxMessages", downlink.queue_messages, 1, kMaxQueueMessages);
    downlink.queue_bytes = queue.bytes_or("maxBytes", downlink.queue_bytes, kMinUnsentBytes, kMaxQueueBytes);
  });
  if (downlink.mode == DownlinkMode::Kafka) return read_kafka_downlink(section, downlink);
  for (const std::string_view key : kKafkaDownlinkKeys) {
    if (const auto value = section.find_set(key)) value->error("has a meaning only with \"mode: kafka\"");
  }
}

void check_session_queue(const Value& document, const NodeConfig& node) {
  if (node.downlink.mode != DownlinkMode::Kafka || node.limits.session_queue_messages <= kMaxStoredMessages) return;
  const auto limits = Object(document).find("limits");
  const auto queue = limits ? Object(*limits).find("sessionQueueMessages") : std::nullopt;
  if (!queue) return;
  queue->warning("with \"downlink.mode: kafka\" a session that is stored keeps no more than " +
                 std::to_string(kMaxStoredMessages) +
                 " messages: of those its device misses while it is away the rest "
                 "is dropped");
}

}  // namespace

NodeConfig read_node(Object& document) {
  NodeConfig node;
  node.document = document.value();
  ignore_metadata(document);
  if (const auto name = document.find_set("name")) node.name = read_name(*name).value_or(node.name);
  read_number(document, "threads", node.threads, 0, kMaxThreads);
  read_section(document, "api", [&](Object& section) { read_api(section, node.api); });
  read_section(document, "log", [&](Object& section) {
    read_choice(section, "level", node.log.level, kLogLevels);
    read_choice(section, "format", node.log.format, kLogFormats);
  });
  read_section(document, "limits", [&](Object& section) { read_limits(section, node.limits); });
  read_section(document, "downlink", [&](Object& section) { read_downlink(section, node.downlink); });
  document.finish();
  check_session_queue(document.value(), node);
  return node;
}

}  // namespace mqttproxy::config
