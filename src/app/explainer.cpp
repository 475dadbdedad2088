#include "explainer.hpp"

#include <map>
#include <set>
#include <utility>

#include "mqttproxy/kafka/partition_finder.hpp"
#include "mqttproxy/kafka/properties.hpp"
#include "mqttproxy/mqtt/topic.hpp"

#include "assembly.hpp"

namespace mqttproxy::app {

namespace {

/// Notes the records it is given instead of sending them.
class NotingSink final : public kafka::RecordSink {
 public:
  NotingSink(const kafka::ProducerOptions& options, std::vector<http::Explanation::Record>& records)
      : options_(options), partitions_(options), records_(records) {
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
    http::Explanation::Record& noted = records_.emplace_back();
    noted.filter = options_.name;
    noted.topic = topic;
    if (record.key) noted.key = std::string(*record.key);
    noted.partition = partitions_.find(topic, record.key);
    for (const kafka::Header& header : record.headers) noted.headers.emplace_back(header.name, header.value);
    noted.payload_bytes = record.value.size();
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
  std::vector<http::Explanation::Record>& records_;
};

void note_end(const pipeline::Context& context, http::Explanation& explanation) {
  using Outcome = http::Explanation::Outcome;
  const bool answered = context.publish->qos != mqtt::Qos::AtMostOnce;
  const std::string reason(context.reason());
  switch (context.action()) {
    case pipeline::Action::None:
      if (context.records == 0) {
        explanation.text = "not acknowledged, connection closed: nothing stores the message";
      } else {
        explanation.outcome = Outcome::Stored;
        explanation.text = answered ? "acknowledged when Kafka has stored it" : "stored; QoS 0 has no acknowledgement";
      }
      break;
    case pipeline::Action::Drop:
      explanation.outcome = Outcome::Dropped;
      explanation.text = "acknowledged and dropped: " + reason;
      break;
    case pipeline::Action::Refuse:
    case pipeline::Action::Disconnect:
      explanation.text = "not acknowledged, connection closed: " + reason;
      break;
  }
}

}  // namespace

Explainer::Explainer(std::shared_ptr<const config::Config> config, http::Question question)
    : config_(std::move(config)), question_(std::move(question)), proxy_(find_proxy()) {
  explanation_.problem = problem();
  if (!explanation_.problem.empty()) return;
  std::map<std::string, std::shared_ptr<NotingSink>> sinks;
  const auto registry =
      make_registry([this, &sinks](const kafka::ProducerOptions& wanted) -> std::shared_ptr<kafka::RecordSink> {
        auto& sink = sinks[wanted.name];
        if (!sink) sink = std::make_shared<NotingSink>(wanted, explanation_.records);
        return sink;
      });
  const auto index = static_cast<std::size_t>(config::RuleType::Publish);
  pipeline_ = pipeline::build(config_->pipelines[*proxy_->pipelines[index]], registry);
  if (!pipeline_) explanation_.problem = "pipeline: cannot be built again; is a file gone that it needs?";
}

http::Explanation Explainer::explain() {
  if (!explanation_.problem.empty()) return std::move(explanation_);
  const mqtt::Publish packet{
      question_.topic, question_.payload, 1, static_cast<mqtt::Qos>(question_.qos), question_.retain, false};
  const std::optional<std::string_view> username =
      question_.username ? std::optional<std::string_view>(*question_.username) : std::nullopt;
  pipeline::Context context;
  context.begin(mqtt::PacketType::Publish, {question_.client_id, username, "127.0.0.1:0", proxy_->name});
  context.publish = &packet;
  context.trace = [this](std::string_view filter, std::string_view step) {
    explanation_.steps.push_back({std::string(filter), std::string(step)});
  };
  explanation_.pipeline = pipeline_->name();
  (void)pipeline_->run(context);
  note_end(context, explanation_);
  return std::move(explanation_);
}

const config::ProxyConfig* Explainer::find_proxy() const {
  const auto& proxies = config_->proxies;
  if (question_.proxy.empty()) return proxies.size() == 1 ? &proxies.front() : nullptr;
  for (const config::ProxyConfig& proxy : proxies) {
    if (proxy.name == question_.proxy) return &proxy;
  }
  return nullptr;
}

std::string Explainer::problem() const {
  const config::LimitsConfig& limits = config_->node.limits;
  if (proxy_ == nullptr) return "proxy: must name an MQTTProxy of the file";
  if (!mqtt::is_mqtt_utf8(question_.topic) || !mqtt::is_topic_name(question_.topic, limits.max_topic_levels) ||
      question_.topic.size() > limits.max_topic_bytes) {
    return "topic: is no topic name: empty, with + or #, or beyond the limits of the configuration";
  }
  return {};
}

}  // namespace mqttproxy::app
