#include <iostream>
#include <map>
#include <optional>
#include <set>

#include "mqttproxy/kafka/partition_finder.hpp"
#include "mqttproxy/kafka/properties.hpp"
#include "mqttproxy/mqtt/topic.hpp"
#include "mqttproxy/util/text.hpp"

#include "assembly.hpp"
#include "commands.hpp"
#include "exit_code.hpp"

namespace mqttproxy::app {

namespace {

/// Prints the records it is given instead of sending them.
class PrintingSink final : public kafka::RecordSink {
 public:
  explicit PrintingSink(const kafka::ProducerOptions& options) : options_(options), partitions_(options) {
    topics_.insert(options.topics.begin(), options.topics.end());
    if (!options.dead_letter_topic.empty()) topics_.insert(options.dead_letter_topic);
  }

  kafka::Topic* open_topic(std::string_view name, kafka::TopicError& error) override {
    if (!kafka::is_legal_topic_name(name)) {
      error = kafka::TopicError::IllegalName;
      return nullptr;
    }
    auto topic = topics_.find(name);
    if (topic == topics_.end()) {  // not named in the configuration
      if (options_.max_dynamic_topics == 0) {
        error = kafka::TopicError::TooMany;
        return nullptr;
      }
      topic = topics_.emplace(name).first;
    }
    return reinterpret_cast<kafka::Topic*>(const_cast<std::string*>(&*topic));
  }

  kafka::ProduceResult produce(const kafka::Record& record) noexcept override {
    const std::string& topic = topic_name(record.topic);
    std::cout << "record to filter " << options_.name << "\n  topic:   " << topic
              << "\n  key:     " << (record.key ? '"' + util::printable(*record.key) + '"' : "none")
              << "\n  partition: " << partitions_.find(topic, record.key) << '\n';
    for (const kafka::Header& header : record.headers) {
      std::cout << "  header:  " << header.name << "=" << util::printable(header.value) << '\n';
    }
    std::cout << "  payload: " << record.value.size() << " bytes\n";
    return kafka::ProduceResult::Accepted;
  }

 private:
  /// A Topic is opaque outside the kafka room: here it is the address of its name.
  static const std::string& topic_name(const kafka::Topic* topic) {
    return *reinterpret_cast<const std::string*>(topic);
  }

  const kafka::ProducerOptions options_;
  kafka::PartitionFinder partitions_;
  std::set<std::string, std::less<>> topics_;
};

const config::ProxyConfig* find_proxy(const config::Config& config, const std::string& name) {
  if (name.empty()) return config.proxies.size() == 1 ? &config.proxies.front() : nullptr;
  for (const config::ProxyConfig& proxy : config.proxies) {
    if (proxy.name == name) return &proxy;
  }
  return nullptr;
}

int usage(const std::string& message) {
  std::cerr << "mqttproxy explain: " << message << '\n';
  return kExitUsage;
}

void print_end(const pipeline::Context& context) {
  const bool answered = context.publish->qos != mqtt::Qos::AtMostOnce;
  switch (context.action()) {
    case pipeline::Action::None:
      if (context.records == 0) {
        std::cout << "not acknowledged, connection closed: nothing stores the message\n";
      } else {
        std::cout << (answered ? "acknowledged when Kafka has stored it\n" : "stored; QoS 0 has no acknowledgement\n");
      }
      break;
    case pipeline::Action::Drop:
      std::cout << "acknowledged and dropped: " << context.reason() << '\n';
      break;
    case pipeline::Action::Refuse:
    case pipeline::Action::Disconnect:
      std::cout << "not acknowledged, connection closed: " << context.reason() << '\n';
      break;
  }
}

}  // namespace

int explain(const ExplainOptions& options) {
  const auto config = load_and_validate(options.config);
  if (!config) return kExitUsage;
  const config::ProxyConfig* proxy = find_proxy(*config, options.proxy);
  if (proxy == nullptr) return usage("--proxy must name an MQTTProxy of the file");
  const config::LimitsConfig& limits = config->node.limits;
  if (!mqtt::is_mqtt_utf8(options.topic) || !mqtt::is_topic_name(options.topic, limits.max_topic_levels) ||
      options.topic.size() > limits.max_topic_bytes) {
    return usage("--topic is not a topic name: empty, with + or #, or beyond the limits of the file");
  }

  std::map<std::string, std::shared_ptr<PrintingSink>> sinks;
  const auto registry =
      make_registry([&sinks](const kafka::ProducerOptions& wanted) -> std::shared_ptr<kafka::RecordSink> {
        auto& sink = sinks[wanted.name];
        if (!sink) sink = std::make_shared<PrintingSink>(wanted);
        return sink;
      });
  const auto pipelines = build_pipelines(*config, registry);
  pipeline::Pipeline& publish = *pipelines[*proxy->pipelines[static_cast<std::size_t>(config::RuleType::Publish)]];

  const mqtt::Publish packet{options.topic, options.payload, 1, static_cast<mqtt::Qos>(options.qos), options.retain,
                             false};
  const std::optional<std::string_view> username =
      options.username ? std::optional<std::string_view>(*options.username) : std::nullopt;
  pipeline::Context context;
  context.begin(mqtt::PacketType::Publish, {options.client_id, username, "127.0.0.1:0", proxy->name});
  context.publish = &packet;
  context.trace = [](std::string_view filter, std::string_view step) { std::cout << filter << ": " << step << '\n'; };
  std::cout << "PUBLISH " << options.topic << " from client " << util::printable(options.client_id) << " on "
            << proxy->name << ", pipeline " << publish.name() << '\n';
  (void)publish.run(context);
  print_end(context);
  return kExitOk;
}

}  // namespace mqttproxy::app
