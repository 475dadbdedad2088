#include <algorithm>
#include <array>
#include <limits>

#include "mqttproxy/util/text.hpp"

#include "documents.hpp"
#include "place.hpp"

namespace mqttproxy::config {

namespace {

constexpr std::int64_t kMaxInteger = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kMinInteger = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t kMaxPeriod = 365L * 24 * 3600;
constexpr std::array<std::string_view, 2> kConnectRefusals = {"mqtt", "easegress"};
constexpr std::array<std::string_view, 2> kUsernames = {"fromConnect", "fromCertificate"};

struct Obsolete {
  std::string_view key, hint;
};
constexpr std::array kObsolete = {
    Obsolete{"backendType", "the backend is a Kafka filter in the pipeline of the Publish rule"},
    Obsolete{"kafkaBroker", "use the key \"backend\" of a Kafka filter in the pipeline of the Publish rule"},
    Obsolete{"topicMapper", "use a TopicMapper filter in the pipeline of the Publish rule"},
    Obsolete{"pipelines", "use \"rules\": a list of {when: {packetType: …}, pipeline: …}"},
    Obsolete{"auth",
             "use an MQTTClientAuth filter in the pipeline of the Connect rule: its list \"auth\" has username and "
             "saltedSha256Pass instead of userName and passBase64"},
};

util::Rate read_rate(Object& document, std::string_view key) {
  util::Rate rate;
  const auto value = document.find_set(key);
  if (!value) return rate;
  Object limit(*value);
  rate.requests = static_cast<std::uint64_t>(limit.integer_or("requestRate", 0, 0, kMaxInteger));
  rate.bytes = static_cast<std::uint64_t>(limit.integer_or("bytesRate", 0, 0, kMaxInteger));
  const std::int64_t seconds = limit.integer_or("timePeriod", 1, -kMaxPeriod, kMaxPeriod);
  rate.period = std::chrono::seconds(std::max<std::int64_t>(seconds, 1));
  limit.finish();
  return rate;
}

void read_options(Object& document, ProxyConfig& proxy) {
  proxy.max_allowed_connection = static_cast<std::uint32_t>(
      document.integer_or("maxAllowedConnection", 0, 0, std::numeric_limits<std::uint32_t>::max()));
  // The cache that this key sizes does not exist here: splitting a topic costs less than looking it up.
  (void)document.integer_or("topicCacheSize", 0, kMinInteger, kMaxInteger);
  const auto retry = document.find_set("retryInterval");
  if (retry && retry->as_integer(kMinInteger)) {
    retry->warning("has no effect: what is not acknowledged is sent again when the client comes back");
  }
  const auto broker = document.find_set("brokerMode");
  if (broker && broker->as_bool().value_or(false)) {
    broker->error("not available: messages that devices publish go to Kafka and never to other devices");
  }
  const auto refusal = document.find_set("connectRefusal");
  proxy.easegress_connect_refusal = refusal && refusal->as_choice(kConnectRefusals) == "easegress";
}

void read_username(Object& document, ProxyConfig& proxy) {
  const auto username = document.find_set("username");
  proxy.username_from_certificate = username && username->as_choice(kUsernames) == "fromCertificate";
  if (!proxy.username_from_certificate) return;
  const auto bare = std::ranges::find_if(
      proxy.listeners, [](const ListenerConfig& listener) { return !listener.tls || !listener.tls->client_ca; });
  if (bare != proxy.listeners.end()) {
    username->error("every listener of this proxy must have \"useTLS: true\" and a clientCAFile; that of port " +
                    std::to_string(bare->endpoint.port) + " has not");
  }
}

/// Reads `rules` into ProxyConfig::pipelines.
class RuleReader {
 public:
  RuleReader(const PipelineNames& names, ProxyConfig& proxy) : names_(names), proxy_(proxy) {}

  void read(const Value& value) {
    Object rule(value);
    if (!rule.valid()) {
      all_typed_ = false;
      return;
    }
    const auto type = read_type(rule);
    const auto pipeline = rule.require("pipeline");
    rule.finish();
    const auto index = pipeline ? find_pipeline(*pipeline) : std::nullopt;
    if (type) proxy_.pipelines[*type] = index;
  }

  /// Whether some rule may be for `type`: there is one, or one that could not be read.
  [[nodiscard]] bool may_have(RuleType type) const {
    return !all_typed_ || lines_[static_cast<std::size_t>(type)] != 0;
  }

 private:
  /// The packet type's place in kRuleTypes.
  std::optional<std::size_t> read_type(Object& rule) {
    const auto when = rule.require("when");
    if (!when) {
      all_typed_ = false;
      return std::nullopt;
    }
    Object condition(*when);
    const auto value = condition.require("packetType");
    condition.finish();
    const auto name = value ? value->as_choice(kRuleTypes) : std::nullopt;
    if (!name) {
      all_typed_ = false;
      return std::nullopt;
    }
    const auto type = static_cast<std::size_t>(std::ranges::find(kRuleTypes, *name) - kRuleTypes.begin());
    if (lines_[type] != 0) {
      value->error("there is already a rule for " + *name + " in line " + std::to_string(lines_[type]));
      return std::nullopt;
    }
    lines_[type] = value->mark().line;
    return type;
  }

  std::optional<std::size_t> find_pipeline(const Value& value) const {
    const auto name = value.as_string();
    if (!name) return std::nullopt;
    const auto found = names_.index.find(*name);
    if (found != names_.index.end()) return found->second;
    if (names_.complete) value.error("there is no pipeline \"" + util::printable(*name, 64) + '"' + suggest(*name));
    return std::nullopt;
  }

  [[nodiscard]] std::string suggest(std::string_view name) const {
    std::vector<std::string_view> known;
    for (const auto& [pipeline, index] : names_.index) known.push_back(pipeline);
    const std::string_view near = util::nearest(name, known);
    if (!near.empty()) return ", did you mean \"" + std::string(near) + "\"?";
    return known.empty() ? "; the file has none" : "; there are: " + util::join(known);
  }

  const PipelineNames& names_;
  ProxyConfig& proxy_;
  std::array<int, kRuleTypes.size()> lines_{};  // of the rule per packet type, 0: none
  bool all_typed_ = true;                       // every rule's packet type could be read
};

void read_rules(Object& document, const PipelineNames& names, ProxyConfig& proxy) {
  const auto rules = document.find_set("rules");
  if (rules && !rules->node().IsSequence()) {
    (void)rules->as_list();
    return;
  }
  RuleReader reader(names, proxy);
  if (rules) {
    for (const Value& rule : rules->as_list()) reader.read(rule);
  }
  const Value& place = rules ? *rules : document.value();
  if (!reader.may_have(RuleType::Publish)) {
    place.error("there is no rule for packetType Publish: what devices publish would go nowhere");
  }
  if (!reader.may_have(RuleType::Connect)) {
    place.warning("there is no rule for packetType Connect: everybody is let in");
  }
}

}  // namespace

ProxyConfig read_proxy(Object& document, const PipelineNames& pipelines) {
  ProxyConfig proxy;
  proxy.mark = document.value().mark();
  ignore_metadata(document);
  if (const auto name = document.require("name")) proxy.name = read_name(*name).value_or("");
  proxy.listeners = read_listeners(document);
  read_username(document, proxy);
  read_options(document, proxy);
  proxy.connect_rate = read_rate(document, "connectionLimit");
  proxy.publish_rate = read_rate(document, "clientPublishLimit");
  read_rules(document, pipelines, proxy);
  for (const Obsolete& old : kObsolete) document.obsolete(old.key, old.hint);
  document.finish();
  return proxy;
}

}  // namespace mqttproxy::config
