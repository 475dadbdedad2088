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

constexpr std::string_view kNoGroup = "every node reads every partition by itself, there is no consumer group";
constexpr std::string_view kOwnPositions = "positions are this process's own and start at the end of the topic";

/// librdkafka takes them for a producer and ignores them with a warning. With a reason: not for our consumer either.
constexpr std::array kConsumerOnly = std::to_array<Denied>({
    {"group.id", kNoGroup},
    {"group.instance.id", kNoGroup},
    {"group.protocol.type", kNoGroup},
    {"partition.assignment.strategy", kNoGroup},
    {"session.timeout.ms", kNoGroup},
    {"heartbeat.interval.ms", kNoGroup},
    {"coordinator.query.interval.ms", kNoGroup},
    {"max.poll.interval.ms", kNoGroup},
    {"enable.auto.commit", kOwnPositions},
    {"auto.commit.enable", kOwnPositions},
    {"auto.commit.interval.ms", kOwnPositions},
    {"enable.auto.offset.store", kOwnPositions},
    {"offset.store.method", kOwnPositions},
    {"offset.store.path", kOwnPositions},
    {"offset.store.sync.interval.ms", kOwnPositions},
    {"auto.offset.reset", kOwnPositions},
    {"enable.partition.eof", "the end of a partition is no event here"},
    {"queued.max.messages.kbytes", "use queue.maxBytes"},
    {"allow.auto.create.topics", "use createTopics"},
    {"consume.callback.max.messages", "there is no consume callback here"},
    {"queued.min.messages", ""},
    {"fetch.wait.max.ms", ""},
    {"fetch.message.max.bytes", ""},
    {"max.partition.fetch.bytes", ""},
    {"fetch.max.bytes", ""},
    {"fetch.min.bytes", ""},
    {"fetch.error.backoff.ms", ""},
    {"isolation.level", ""},
    {"check.crcs", ""},
});

/// A record that is answered for within a bound must be given up by then.
constexpr std::array kBoundedPublish = std::to_array<Denied>({
    {"message.timeout.ms", "use publishTimeout"},
    {"delivery.timeout.ms", "use publishTimeout"},
});

/// What a consumer ignores with a warning.
constexpr std::array kProducerOnly = std::to_array<std::string_view>({
    "acks",
    "batch.num.messages",
    "batch.size",
    "compression.codec",
    "compression.level",
    "compression.type",
    "delivery.report.only.error",
    "enable.gapless.guarantee",
    "enable.idempotence",
    "linger.ms",
    "message.send.max.retries",
    "message.timeout.ms",
    "msg_order_cmp",
    "partitioner",
    "queue.buffering.backpressure.threshold",
    "queue.buffering.max.ms",
    "queuing.strategy",
    "request.required.acks",
    "request.timeout.ms",
    "retries",
    "retry.backoff.ms",
    "sticky.partitioning.linger.ms",
});

const Denied* find(std::span<const Denied> list, std::string_view name) {
  const auto found = std::ranges::find(list, name, &Denied::name);
  return found == list.end() ? nullptr : &*found;
}

std::optional<std::string> not_allowed(const Denied& entry) {
  return "not allowed here: " + std::string(entry.reason);
}

std::optional<std::string> denied(std::string_view name, std::string_view value, PropertyUse use) {
  if (const Denied* entry = find(kDenied, name)) return not_allowed(*entry);
  if (name.starts_with("test.mock.")) return "not allowed here: use backend: [embedded]";
  if (const Denied* entry = find(kConsumerOnly, name)) {
    if (use == PropertyUse::Producer) return "a consumer property; this is a producer";
    if (!entry->reason.empty()) return not_allowed(*entry);
  }
  if (use == PropertyUse::Bus) {
    if (const Denied* entry = find(kBoundedPublish, name)) return not_allowed(*entry);
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
std::string hint(std::string_view name, PropertyUse use) {
  const ConfPtr conf(rd_kafka_conf_new());
  const TopicConfPtr topic_conf(rd_kafka_topic_conf_new());
  std::size_t global_count = 0;
  std::size_t topic_count = 0;
  const char** global = rd_kafka_conf_dump(conf.get(), &global_count);
  const char** topic = rd_kafka_topic_conf_dump(topic_conf.get(), &topic_count);
  std::vector<std::string_view> names(kAliases.begin(), kAliases.end());
  const auto add = [&names, use](std::span<const char*> dump) {
    // Names and values alternate. What may not be set is no advice.
    for (std::size_t i = 0; i < dump.size(); i += 2) {
      if (!denied(dump[i], "", use)) names.emplace_back(dump[i]);
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

/// Whether rd_kafka_new takes what `make` makes. Without bootstrap.servers it connects to nobody.
template <class Make>
std::optional<std::string> handle_problem(Make make, rd_kafka_type_t type) {
  try {
    static_cast<void>(make_handle(make(), nullptr, type));
  } catch (const std::runtime_error& refused) {
    return refused.what();
  }
  return std::nullopt;
}

std::optional<std::string> topic_problem(std::string_view topic) {
  if (is_legal_topic_name(topic)) return std::nullopt;
  return "topic \"" + util::printable(topic) + "\": a Kafka topic is 1 to 249 of A-Z a-z 0-9 . _ -";
}

}  // namespace

bool is_producer_only(std::string_view name) noexcept {
  return std::ranges::find(kProducerOnly, name) != kProducerOnly.end();
}

bool is_consumer_only(std::string_view name) noexcept {
  return find(kConsumerOnly, name) != nullptr;
}

std::optional<std::string> property_problem(std::string_view name, const std::string& value, PropertyUse use) {
  if (auto reason = denied(name, value, use)) return reason;
  const ConfPtr conf(rd_kafka_conf_new());
  auto problem = set_property(conf.get(), name, value);
  if (problem && !is_known(name)) *problem += hint(name, use);
  return problem;
}

std::optional<std::string> backends_problem(const std::vector<std::string>& backends) {
  if (backends.empty()) return "no backend";
  if (is_embedded(backends)) return std::nullopt;
  for (const std::string& backend : backends) {
    if (auto problem = backend_problem(backend)) return problem;
  }
  return std::nullopt;
}

std::optional<std::string> options_problem(const ProducerOptions& options) {
  if (auto problem = backends_problem(options.backends)) return problem;
  for (const std::string& topic : options.topics) {
    if (auto problem = topic_problem(topic)) return problem;
  }
  if (!options.dead_letter_topic.empty()) {
    if (auto problem = topic_problem(options.dead_letter_topic)) return problem;
  }
  for (const auto& [name, value] : options.properties) {
    if (is_consumer_only(name)) continue;  // not set: a bus has one list for both of its clients
    if (auto problem = property_problem(name, value)) return "property " + name + ": " + *problem;
  }
  return handle_problem([&] { return make_conf(options); }, RD_KAFKA_PRODUCER);
}

std::optional<std::string> options_problem(const ConsumerOptions& options) {
  return handle_problem([&] { return make_conf(options); }, RD_KAFKA_CONSUMER);
}

}  // namespace mqttproxy::kafka
