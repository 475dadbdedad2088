#include "conf.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <stdexcept>
#include <vector>

#include "mqttproxy/kafka/properties.hpp"
#include "mqttproxy/util/text.hpp"

#include "library_log.hpp"

namespace mqttproxy::kafka {

namespace {

constexpr std::size_t kErrorText = 512;

/// What a configuration may override, where librdkafka's own default does not suit a proxy.
constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kDefaults = {{
    // Two milliseconds gather a busy moment into one request, and PUBACKs still leave within three.
    {"linger.ms", "2"},
    // A record waits as long as Kafka is away; the queue limits bound memory.
    {"message.timeout.ms", "0"},
    // Java's partitioner: records of one key share a partition with those of Java producers.
    {"partitioner", "murmur2_random"},
    // Found again within about a second of its return (10 s otherwise).
    {"reconnect.backoff.max.ms", "1000"},
    // A topic Kafka does not know is refused after 10 s instead of 30 s: devices wait for it without an answer.
    {"topic.metadata.propagation.max.ms", "10000"},
    // An idle connection reaped by the broker is no news.
    {"log.connection.close", "false"},
    // What /metrics says of queue bytes, requests under way and the like (LibraryStats).
    {"statistics.interval.ms", "10000"},
}};

/// Promise 1 hangs on these; property_problem() refuses any other value.
constexpr std::array<std::pair<std::string_view, std::string_view>, 2> kFixed = {{
    {"acks", "all"},
    {"enable.idempotence", "true"},
}};

constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kConsumerDefaults = {{
    // What one answer of Kafka may add to a full queue (50 MiB otherwise).
    {"fetch.max.bytes", "8388608"},
    // How long a fetch rests after an error, and after the queue was full (500 ms otherwise).
    {"fetch.error.backoff.ms", "100"},
    {"reconnect.backoff.max.ms", "1000"},
    {"log.connection.close", "false"},
}};

/// Positions are ours alone; a record that is gone from Kafka must show. property_problem() refuses these names.
constexpr std::array<std::pair<std::string_view, std::string_view>, 3> kConsumerFixed = {{
    {"enable.auto.commit", "false"},
    {"enable.auto.offset.store", "false"},
    {"auto.offset.reset", "error"},
}};

constexpr std::uint64_t kMaxQueuedKbytes = 2'097'151;  // librdkafka's limit

void must_set(rd_kafka_conf_t* conf, std::string_view name, const std::string& value) {
  if (const auto problem = set_property(conf, name, value)) {
    throw std::runtime_error("property " + std::string(name) + ": " + *problem);
  }
}

}  // namespace

std::optional<std::string> set_property(rd_kafka_conf_t* conf, std::string_view name, const std::string& value) {
  std::array<char, kErrorText> text{};
  const std::string key(name);
  switch (rd_kafka_conf_set(conf, key.c_str(), value.c_str(), text.data(), text.size())) {
    case RD_KAFKA_CONF_OK:
      return std::nullopt;
    case RD_KAFKA_CONF_UNKNOWN:
      return "librdkafka " + std::string(rd_kafka_version_str()) + " does not know this property";
    case RD_KAFKA_CONF_INVALID:
      break;
  }
  // librdkafka's own message repeats the value; of it only the range is safe to show.
  const std::string_view reason(text.data());
  constexpr std::string_view kRange = "allowed range ";
  const auto range = reason.find(kRange);
  if (range == std::string_view::npos) return "librdkafka does not take this value";
  return "librdkafka takes " + std::string(reason.substr(range + kRange.size()));
}

ConfPtr make_conf(const ProducerOptions& options) {
  ConfPtr conf(rd_kafka_conf_new());
  must_set(conf.get(), "client.id", options.name);
  for (const auto& [name, value] : kDefaults) must_set(conf.get(), name, std::string(value));
  for (const auto& [name, value] : options.properties) {
    if (!is_consumer_only(name)) must_set(conf.get(), name, value);
  }
  for (const auto& [name, value] : kFixed) must_set(conf.get(), name, std::string(value));
  const std::uint32_t messages = std::max<std::uint32_t>(options.max_queue_messages, 1);
  const std::uint64_t kbytes = std::clamp<std::uint64_t>(options.max_queue_bytes / 1024, 1, INT32_MAX);
  must_set(conf.get(), "queue.buffering.max.messages", std::to_string(messages));
  must_set(conf.get(), "queue.buffering.max.kbytes", std::to_string(kbytes));
  rd_kafka_conf_set_events(conf.get(), RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_STATS);
  return conf;
}

ConfPtr make_conf(const ConsumerOptions& options) {
  ConfPtr conf(rd_kafka_conf_new());
  must_set(conf.get(), "client.id", options.name);
  for (const auto& [name, value] : kConsumerDefaults) must_set(conf.get(), name, std::string(value));
  for (const auto& [name, value] : options.properties) {
    if (!is_producer_only(name)) must_set(conf.get(), name, value);
  }
  for (const auto& [name, value] : kConsumerFixed) must_set(conf.get(), name, std::string(value));
  const std::uint64_t kbytes = std::clamp<std::uint64_t>(options.max_queue_bytes / 1024, 1, kMaxQueuedKbytes);
  must_set(conf.get(), "queued.max.messages.kbytes", std::to_string(kbytes));
  must_set(conf.get(), "enable.partition.eof", options.start == Start::Beginning ? "true" : "false");
  // Looking at a topic must not make it; the embedded Kafka knows no other way, and librdkafka would complain.
  must_set(conf.get(), "allow.auto.create.topics", is_embedded(options.backends) ? "true" : "false");
  rd_kafka_conf_set_events(conf.get(), RD_KAFKA_EVENT_ERROR);
  return conf;
}

std::shared_ptr<EmbeddedKafka> set_backends(rd_kafka_conf_t* conf, const std::vector<std::string>& backends) {
  auto embedded = is_embedded(backends) ? EmbeddedKafka::shared() : nullptr;
  const std::string servers = embedded == nullptr ? bootstrap_servers(backends) : embedded->bootstrap();
  if (const auto problem = set_property(conf, "bootstrap.servers", servers)) {
    throw std::runtime_error("backend: " + *problem);
  }
  return embedded;
}

HandlePtr make_handle(ConfPtr conf, LibraryLog* log, rd_kafka_type_t type) {
  rd_kafka_conf_set_opaque(conf.get(), log);
  rd_kafka_conf_set_log_cb(conf.get(), log == nullptr ? nullptr : &LibraryLog::callback);
  std::array<char, kErrorText> text{};
  HandlePtr handle(rd_kafka_new(type, conf.get(), text.data(), text.size()));
  if (handle == nullptr) throw std::runtime_error(text.data());
  // The handle owns it now.
  static_cast<void>(conf.release());  // NOLINT(bugprone-unused-return-value)
  return handle;
}

std::string bootstrap_servers(const std::vector<std::string>& backends) {
  const std::vector<std::string_view> addresses(backends.begin(), backends.end());
  return util::join(addresses, ",");
}

bool is_embedded(const std::vector<std::string>& backends) noexcept {
  return backends.size() == 1 && backends.front() == "embedded";
}

}  // namespace mqttproxy::kafka
