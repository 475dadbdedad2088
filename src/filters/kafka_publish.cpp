#include "kafka_publish.hpp"

#include <algorithm>
#include <utility>

#include "mqttproxy/kafka/properties.hpp"

namespace mqttproxy::filters {

namespace {

using pipeline::FilterResult;
using pipeline::kSuccess;

std::optional<pipeline::Slot> make_slot(const std::string& name, pipeline::SlotTable& slots) {
  return name.empty() ? std::nullopt : std::optional(slots.slot(name));
}

/// Why the filter did not store a message, for the log and the record in the dead-letter topic.
std::string_view reason_of(FilterResult result) noexcept {
  switch (result) {
    case KafkaPublish::kIllegalTopic:
      return "illegal Kafka topic name";
    case KafkaPublish::kTooManyTopics:
      return "too many Kafka topics (topic.maxDynamic)";
    case KafkaPublish::kTooLarge:
      return "record too large";
    case KafkaPublish::kProducerClosed:
      return "kafka producer closed";
    default:
      return "no payload for the Kafka record";
  }
}

}  // namespace

KafkaPublish::KafkaPublish(KafkaOptions options, std::shared_ptr<kafka::RecordSink> sink, pipeline::SlotTable& slots)
    : options_(std::move(options)),
      sink_(std::move(sink)),
      topic_slot_(make_slot(options_.topic_key, slots)),
      header_slot_(make_slot(options_.header_key, slots)),
      payload_slot_(make_slot(options_.payload_key, slots)) {
  // The names of the configuration are opened now: no packet waits for them.
  for (const std::string& topic : options_.producer.topics) (void)open(topic);
}

FilterResult KafkaPublish::handle(pipeline::Context& context) noexcept {
  if (context.type != mqtt::PacketType::Publish || context.publish == nullptr) return kSuccess;
  std::string_view payload = context.publish->payload;
  if (payload_slot_) {
    const std::optional<std::string_view> text = context.text(*payload_slot_);
    if (!text) return kGetDataFailed;
    payload = *text;
  }

  std::string_view dead_letter_reason = context.dead_letter_reason;
  Opened opened;
  if (dead_letter_reason.empty()) {
    opened = choose_topic(context);
    if (opened.topic == nullptr) dead_letter_reason = reason_of(opened.problem);
  } else if (options_.producer.dead_letter_topic.empty()) {
    return kSuccess;  // another Kafka filter of this pipeline has the dead-letter topic
  }
  if (opened.topic == nullptr) {
    if (options_.producer.dead_letter_topic.empty()) return opened.problem;
    opened = open(options_.producer.dead_letter_topic);
    if (opened.topic == nullptr) return opened.problem;
  }
  build_headers(context, dead_letter_reason);
  return produce(context, *opened.topic, payload);
}

bool KafkaPublish::unhandled(pipeline::Context& context, FilterResult result) noexcept {
  // Even when another Kafka filter has stored the message: an acknowledgement would say that both have.
  context.disconnect(reason_of(result));
  return false;
}

KafkaPublish::Opened KafkaPublish::choose_topic(const pipeline::Context& context) {
  if (topic_slot_) {
    const std::string_view mapped = context.text(*topic_slot_).value_or(std::string_view());
    if (!mapped.empty()) return open(mapped);
  }
  if (options_.default_topic.empty()) return open_dotted(context.publish->topic);
  if (options_.source == TopicSource::Mapped) return open(options_.default_topic);
  const Opened opened = open_dotted(context.publish->topic);
  return opened.problem == kIllegalTopic ? open(options_.default_topic) : opened;
}

KafkaPublish::Opened KafkaPublish::open_dotted(std::string_view mqtt_topic) {
  dotted_.assign(mqtt_topic);
  std::ranges::replace(dotted_, '/', '.');
  return open(dotted_);
}

KafkaPublish::Opened KafkaPublish::open(std::string_view kafka_topic) {
  if (last_topic_ != nullptr && kafka_topic == last_name_) return {last_topic_, kSuccess};
  auto found = topics_.find(kafka_topic);
  if (found == topics_.end()) {
    // Checked here as well: what a device made up must not cost the shared lock each time.
    if (!kafka::is_legal_topic_name(kafka_topic)) return {nullptr, kIllegalTopic};
    kafka::TopicError error{};
    kafka::Topic* topic = sink_->open_topic(kafka_topic, error);
    if (topic == nullptr) return {nullptr, error == kafka::TopicError::TooMany ? kTooManyTopics : kIllegalTopic};
    found = topics_.emplace(kafka_topic, topic).first;
  }
  last_name_ = found->first;
  last_topic_ = found->second;
  return {last_topic_, kSuccess};
}

bool KafkaPublish::writes(IdentityHeader header) const noexcept {
  return options_.headers[static_cast<std::size_t>(header)];
}

/// Headers a mapping cannot set: a device must not choose who it seems to be, also where the header is absent.
bool KafkaPublish::is_reserved(std::string_view header, bool dead_letter) const noexcept {
  for (std::size_t i = 0; i < kIdentityHeaders.size(); ++i) {
    if (header == kIdentityHeaders[i]) return options_.headers[i] || dead_letter;
  }
  return dead_letter && header == kDeadLetterReason;
}

void KafkaPublish::build_headers(const pipeline::Context& context, std::string_view dead_letter_reason) {
  const mqtt::Publish& publish = *context.publish;
  const bool dead_letter = !dead_letter_reason.empty();
  const auto add = [this](IdentityHeader header, std::string_view value) {
    headers_.push_back({to_string(header), value});
  };
  headers_.clear();
  if (writes(IdentityHeader::ClientId)) add(IdentityHeader::ClientId, context.client.client_id);
  if (writes(IdentityHeader::Username) && context.client.username) {
    add(IdentityHeader::Username, *context.client.username);
  }
  // Without the topic nobody could send a dead letter again.
  if (writes(IdentityHeader::MqttTopic) || dead_letter) add(IdentityHeader::MqttTopic, publish.topic);
  if (writes(IdentityHeader::MqttQos) && publish.qos != mqtt::Qos::AtMostOnce) {
    add(IdentityHeader::MqttQos, publish.qos == mqtt::Qos::AtLeastOnce ? "1" : "2");
  }
  if (writes(IdentityHeader::MqttRetain) && publish.retain) add(IdentityHeader::MqttRetain, "1");
  if (dead_letter) headers_.push_back({kDeadLetterReason, dead_letter_reason});

  const std::vector<pipeline::MappedHeader>* mapped = header_slot_ ? context.headers(*header_slot_) : nullptr;
  if (mapped == nullptr) return;
  for (const pipeline::MappedHeader& header : *mapped) {
    if (!is_reserved(header.name, dead_letter)) headers_.push_back({header.name, header.value});
  }
}

FilterResult KafkaPublish::produce(pipeline::Context& context, kafka::Topic& topic, std::string_view payload) noexcept {
  const kafka::Record record{
      .topic = &topic,
      .key = options_.key.expand({.client_id = context.client.client_id,
                                  .username = context.client.username.value_or(std::string_view()),
                                  .mqtt_topic = context.publish->topic},
                                 key_),
      .headers = headers_,
      .value = payload,
      .token = context.token};
  switch (sink_->produce(record)) {
    case kafka::ProduceResult::Accepted:
      ++context.records;
      return kSuccess;
    case kafka::ProduceResult::QueueFull:
      return pipeline::kBlocked;
    case kafka::ProduceResult::TooLarge:
      return kTooLarge;
    case kafka::ProduceResult::Failed:
      break;
  }
  return kProducerClosed;
}

}  // namespace mqttproxy::filters
