// What a configuration file says, typed and validated. Filters stay as Values: their kind's factory reads them.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mqttproxy/config/diagnostics.hpp"
#include "mqttproxy/config/value.hpp"
#include "mqttproxy/util/rate_limit.hpp"
#include "mqttproxy/util/tls.hpp"

namespace mqttproxy::config {

/// The packet types a rule can name, in the order of ProxyConfig::pipelines.
enum class RuleType : std::uint8_t { Connect, Disconnect, Publish, Subscribe, Unsubscribe, Count_ };
inline constexpr std::array<std::string_view, 5> kRuleTypes = {"Connect", "Disconnect", "Publish", "Subscribe",
                                                               "Unsubscribe"};

struct Endpoint {
  std::string host;        // an IP address literal
  std::uint16_t port = 0;  // 0: the system chooses; logged at start

  bool operator==(const Endpoint&) const = default;
};

/// PEM text, and where the file gives it. Empty: an error has been reported.
struct PemText {
  std::string pem;
  Value place;
};

struct CertificateConfig {
  std::string name;
  PemText chain;  // the certificate, then those of its issuers
  PemText key;
};

struct TlsConfig {
  std::vector<CertificateConfig> certificates;  // the first is for clients that name no server, or an unknown one
  std::optional<PemText> client_ca;             // clients must show a certificate that one of these has signed
  bool only_tls13 = false;                      // else TLS 1.2 as well
};

struct ApiConfig {
  Endpoint address{"127.0.0.1", 2381};
  std::string token;             // empty: none
  bool insecure = false;         // a non-loopback address without a token or client certificates
  std::optional<TlsConfig> tls;  // one certificate
  std::uint32_t max_body_bytes = 8U << 20U;
  std::uint32_t max_connections = 1'024;  // each holds a thread while it is open
  std::chrono::milliseconds idle_timeout{60'000};
};

struct LogConfig {
  std::string level = "info";   // trace debug info warn error
  std::string format = "text";  // text json
};

/// Of a session in Kafka, which is one record: more references to messages have no room in it.
inline constexpr std::uint32_t kMaxStoredMessages = 15'000;

/// What a full session queue does with the next message.
enum class QueueFull : std::uint8_t { DropOldest, DropNewest };

/// Every queue, buffer and per-client list has its limit here. Bytes unless the name says otherwise.
struct LimitsConfig {
  std::uint32_t max_packet_bytes = 1'000'000;
  std::chrono::milliseconds connect_timeout{10'000};
  std::uint32_t max_connections = 0;              // 0: descriptor limit − 256
  std::uint32_t max_connections_per_address = 0;  // 0: any number
  std::uint64_t max_memory_bytes = 0;             // of the process; 0: no limit
  std::uint16_t max_client_id_bytes = 1'024;
  std::uint16_t max_topic_bytes = 4'096;
  std::uint16_t max_topic_levels = 128;
  std::uint16_t max_filters_per_packet = 1'000;
  std::uint32_t ack_window = 1'000;                                  // unacked uplink messages per connection
  std::uint32_t max_waiting_wills = 10'000;                          // per worker, while a producer queue is full
  std::uint32_t max_waiting_passwords = 1'000;                       // CONNECT packets with a slow password hash
  std::chrono::milliseconds session_expiry{std::chrono::hours(24)};  // of an offline persistent session
  std::uint32_t max_sessions = 0;                                    // persistent ones, connected or not; 0: any number
  std::uint32_t max_filters_per_session = 10'000;
  std::uint16_t inflight_window = 20;            // QoS 1 messages sent to a client and not acknowledged
  std::uint32_t session_queue_messages = 1'000;  // waiting behind the window, or for an offline client
  std::uint64_t session_queue_bytes = 8U << 20U;
  QueueFull session_queue_full = QueueFull::DropOldest;
  std::uint64_t max_unsent_bytes = 1U << 20U;  // waiting for one connection, beyond which QoS 0 is dropped
  std::chrono::milliseconds drain_timeout{30'000};
};

enum class DownlinkMode : std::uint8_t { Local, Kafka };

struct DownlinkConfig {
  DownlinkMode mode = DownlinkMode::Local;
  std::uint32_t queue_messages = 100'000;  // per worker: published, not yet fanned out
  std::uint64_t queue_bytes = 64U << 20U;

  // Mode Kafka. What only the kafka room can check stays a Value: downlink::read_kafka_bus and cluster::read_cluster
  // do.
  std::optional<Value> backend, topic, sessions_topic, properties;
  std::optional<std::int32_t> partitions, replication_factor;
  std::optional<std::chrono::milliseconds> retention;
  bool create_topics = true;
  std::chrono::milliseconds publish_timeout{10'000};
  std::optional<std::int32_t> sessions_partitions;
  std::uint64_t memory_bytes = 32U << 20U;  // of the latest messages, for sessions that come back
};

struct NodeConfig {
  std::string name = "mqttproxy";
  ApiConfig api;
  std::uint32_t threads = 0;  // workers; 0: one per core
  LogConfig log;
  LimitsConfig limits;
  DownlinkConfig downlink;
  std::optional<Value> document;  // none: the file has no such document
};

struct ListenerConfig {
  Endpoint endpoint{"::", 0};    // "::" takes IPv4 as well
  std::optional<TlsConfig> tls;  // none: plain TCP
  bool proxy_protocol = false;   // a PROXY protocol v2 header comes before anything else
  std::optional<Value> place;    // of the port
};

struct ProxyConfig {
  std::string name;
  std::vector<ListenerConfig> listeners{ListenerConfig{}};  // that of `port` first, then `listeners`
  bool username_from_certificate = false;                   // then every listener has TlsConfig::client_ca
  std::uint32_t max_allowed_connection = 0;                 // 0: unlimited
  util::Rate connect_rate;                                  // `connectionLimit`: CONNECT packets, all together
  util::Rate publish_rate;                                  // `clientPublishLimit`: PUBLISH packets of each connection
  /// Index into Config::pipelines per RuleType; nullopt: no rule for that packet type.
  std::array<std::optional<std::size_t>, 5> pipelines{};
  bool easegress_connect_refusal = false;  // connectRefusal: easegress – always return code 5
  Mark mark;
};

struct JumpConfig {
  std::string result;  // "" = success
  std::string target;  // alias of a later node, or "END"
  Mark mark;
};

struct FlowConfig {
  std::string filter;  // a filter's name, or "END"
  std::string alias;   // = filter unless given
  std::vector<JumpConfig> jump_if;
  Mark mark;
};

struct FilterConfig {
  std::string name;
  std::string kind;
  Value value;  // the whole map, name and kind included
};

struct PipelineConfig {
  std::string name;
  std::vector<FlowConfig> flow;  // never empty when there is a filter: absent means all in listed order
  std::vector<FilterConfig> filters;
  Mark mark;
};

struct Config {
  NodeConfig node;
  std::vector<ProxyConfig> proxies;  // at least one
  std::vector<PipelineConfig> pipelines;
  /// Names for Values' error reports; outlives every Value above.
  std::shared_ptr<Diagnostics> diagnostics;

  [[nodiscard]] std::vector<std::string> proxy_names() const;
};

/// What a port needs to serve one of its certificates; reports at its place what is wrong, of the authorities once,
/// with the first certificate, and warns of dates. nullptr exactly when an error has been reported. Thread: main.
[[nodiscard]] util::TlsContext make_tls_context(const TlsConfig& config, const CertificateConfig& certificate);

/// Reads and validates `file` (everything but the inside of filters, which build_pipelines checks). nullopt exactly
/// when diagnostics hold an error. A YAML syntax error is reported alone. Thread: main.
[[nodiscard]] std::optional<Config> load(const std::filesystem::path& file,
                                         const std::shared_ptr<Diagnostics>& diagnostics);

/// As load(), but a file with errors has a result too, so that a check can report what is wrong inside its filters in
/// the same go; pipelines that hold an error already come out empty. With errors in the diagnostics the result is for
/// no other use. nullopt when the file is no YAML at all. Thread: main.
[[nodiscard]] std::optional<Config> load_for_check(const std::filesystem::path& file,
                                                   const std::shared_ptr<Diagnostics>& diagnostics);

/// Whether a daemon that runs on `running` can go on with `next` without a restart. What it cannot change is reported,
/// and the proxies of `next` are put in the order of `running`. Thread: main.
[[nodiscard]] bool check_reload(const Config& running, Config& next);

}  // namespace mqttproxy::config
