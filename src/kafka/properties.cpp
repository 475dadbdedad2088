#include "mqttproxy/kafka/properties.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <memory>
#include <span>
#include <stdexcept>
#include <vector>

#include "mqttproxy/util/text.hpp"

#include "conf.hpp"
#include "raii.hpp"

namespace mqttproxy::kafka {

namespace {

struct Denied {
  std::string_view name;
  std::string_view reason;
};

/// Refused whatever the value.
constexpr std::array kDenied = std::to_array<Denied>({
    {"bootstrap.servers", "use backend"},
    {"metadata.broker.list", "use backend"},
    {"queue.buffering.max.messages", "use queue.maxMessages"},
    {"queue.buffering.max.kbytes", "use queue.maxBytes"},
    {"transactional.id", "records are acknowledged one by one, there is no transaction to commit"},
    {"transaction.timeout.ms", "records are acknowledged one by one, there is no transaction to time out"},
    {"plugin.library.paths", "it would load foreign code into this process"},
    {"ssl.engine.location", "it would load foreign code into this process"},
    {"ssl.providers", "it would load foreign code into this process"},
    {"enabled_events", "delivery reports must reach this process"},
    {"log.queue", "log lines must reach this process"},
    {"internal.termination.signal", "this process handles its signals itself"},
});

/// Refused unless the value is one of these.
struct Required {
  std::string_view name;
  std::array<std::string_view, 2> allowed;
  std::string_view reason;
};

constexpr std::string_view kAcksReason = "a device is told that its message is stored, so every replica must have it";
constexpr std::array kRequired = std::to_array<Required>({
    {"acks", {"all", "-1"}, kAcksReason},
    {"request.required.acks", {"all", "-1"}, kAcksReason},
    {"enable.idempotence", {"true", "1"}, "without it a retry may reorder and repeat the records of one device"},
    {"delivery.report.only.error", {"false", "0"}, "every device waits for the report of its record"},
    {"enable.gapless.guarantee", {"false", "0"}, "one refused record would stop all others"},
    {"queuing.strategy", {"fifo", "fifo"}, "the records of one device keep their order"},
});

/// librdkafka takes them for a producer and ignores them with a warning.
constexpr std::array kConsumerOnly = std::to_array<std::string_view>({
    "group.id",
    "group.instance.id",
    "group.protocol.type",
    "partition.assignment.strategy",
    "session.timeout.ms",
    "heartbeat.interval.ms",
    "coordinator.query.interval.ms",
    "max.poll.interval.ms",
    "enable.auto.commit",
    "auto.commit.enable",
    "auto.commit.interval.ms",
    "enable.auto.offset.store",
    "queued.min.messages",
    "queued.max.messages.kbytes",
    "fetch.wait.max.ms",
    "fetch.message.max.bytes",
    "max.partition.fetch.bytes",
    "fetch.max.bytes",
    "fetch.min.bytes",
    "fetch.error.backoff.ms",
    "offset.store.method",
    "offset.store.path",
    "offset.store.sync.interval.ms",
    "isolation.level",
    "enable.partition.eof",
    "check.crcs",
    "allow.auto.create.topics",
    "auto.offset.reset",
    "consume.callback.max.messages",
});

std::optional<std::string> denied(std::string_view name, std::string_view value) {
  for (const Denied& entry : kDenied) {
    if (name == entry.name) return "not allowed here: " + std::string(entry.reason);
  }
  if (name.starts_with("test.mock.")) return "not allowed here: use backend: [embedded]";
  if (std::ranges::find(kConsumerOnly, name) != kConsumerOnly.end()) {
    return "a consumer property; this is a producer";
  }
  for (const Required& entry : kRequired) {
    if (name == entry.name && std::ranges::find(entry.allowed, value) == entry.allowed.end()) {
      return "must be " + std::string(entry.allowed[0]) + ": " + std::string(entry.reason);
    }
  }
  return std::nullopt;
}

/// Not in librdkafka's dumps, and the names most people know.
constexpr std::array kAliases = std::to_array<std::string_view>({
    "acks",
    "compression.type",
    "delivery.timeout.ms",
    "linger.ms",
    "max.in.flight",
    "retries",
    "sasl.mechanism",
});

/// "; did you mean linger.ms?", or nothing when no property is near.
std::string hint(std::string_view name) {
  const ConfPtr conf(rd_kafka_conf_new());
  const TopicConfPtr topic_conf(rd_kafka_topic_conf_new());
  std::size_t global_count = 0;
  std::size_t topic_count = 0;
  const char** global = rd_kafka_conf_dump(conf.get(), &global_count);
  const char** topic = rd_kafka_topic_conf_dump(topic_conf.get(), &topic_count);
  std::vector<std::string_view> names(kAliases.begin(), kAliases.end());
  const auto add = [&names](std::span<const char*> dump) {
    // Names and values alternate. What may not be set is no advice.
    for (std::size_t i = 0; i < dump.size(); i += 2) {
      if (!denied(dump[i], "")) names.emplace_back(dump[i]);
    }
  };
  add({global, global_count});
  add({topic, topic_count});
  const std::string_view found = util::nearest(name, names);
  std::string text = found.empty() ? "" : "; did you mean " + std::string(found) + "?";
  rd_kafka_conf_dump_free(global, global_count);
  rd_kafka_conf_dump_free(topic, topic_count);
  return text;
}

bool is_known(std::string_view name) {
  const ConfPtr conf(rd_kafka_conf_new());
  return rd_kafka_conf_set(conf.get(), std::string(name).c_str(), "", nullptr, 0) != RD_KAFKA_CONF_UNKNOWN;
}

std::optional<std::string> backend_problem(std::string_view backend) {
  const std::string shown = "backend \"" + util::printable(backend) + "\": ";
  if (backend == "embedded") return shown + "cannot stand beside others";
  if (backend.empty() || backend.find_first_of(", \t\r\n") != std::string_view::npos) {
    return shown + "must be one host:port";
  }
  const auto colon = backend.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return shown + "must be host:port";
  const std::string_view digits = backend.substr(colon + 1);
  unsigned port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc{} || end != digits.data() + digits.size() || port == 0 || port > 65535) {
    return shown + "the port must be 1 to 65535";
  }
  return std::nullopt;
}

std::optional<std::string> topic_problem(std::string_view topic) {
  if (is_legal_topic_name(topic)) return std::nullopt;
  return "topic \"" + util::printable(topic) + "\": a Kafka topic is 1 to 249 of A-Z a-z 0-9 . _ -";
}

}  // namespace

std::optional<std::string> property_problem(std::string_view name, const std::string& value) {
  if (auto reason = denied(name, value)) return reason;
  const ConfPtr conf(rd_kafka_conf_new());
  auto problem = set_property(conf.get(), name, value);
  if (problem && !is_known(name)) *problem += hint(name);
  return problem;
}

std::optional<std::string> options_problem(const ProducerOptions& options) {
  if (options.backends.empty()) return "no backend";
  if (!is_embedded(options)) {
    for (const std::string& backend : options.backends) {
      if (auto problem = backend_problem(backend)) return problem;
    }
  }
  for (const std::string& topic : options.topics) {
    if (auto problem = topic_problem(topic)) return problem;
  }
  if (!options.dead_letter_topic.empty()) {
    if (auto problem = topic_problem(options.dead_letter_topic)) return problem;
  }
  for (const auto& [name, value] : options.properties) {
    if (auto problem = property_problem(name, value)) return "property " + name + ": " + *problem;
  }
  try {
    // Without bootstrap.servers it connects to nobody.
    static_cast<void>(make_handle(make_conf(options), nullptr));
  } catch (const std::runtime_error& refused) {
    return refused.what();
  }
  return std::nullopt;
}

}  // namespace mqttproxy::kafka
