// Kafka (KafkaMQTT): a PUBLISH becomes a Kafka record.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mqttproxy/kafka/producer.hpp"
#include "mqttproxy/pipeline/filter.hpp"

#include "kafka_options.hpp"
#include "string_map.hpp"

namespace mqttproxy::filters {

/// Acts on PUBLISH only. One produce() per packet, no allocation once buffers and topic cache have grown: topic handles
/// are kept per instance, so the shared producer's lock is taken once per topic and worker.
class KafkaPublish final : public pipeline::Filter {
 public:
  static constexpr pipeline::FilterResult kGetDataFailed = 1;  // getDataFailed
  // Failures no jumpIf can name: the message is not acknowledged, the connection ends.
  static constexpr pipeline::FilterResult kIllegalTopic = 2;
  static constexpr pipeline::FilterResult kTooManyTopics = 3;
  static constexpr pipeline::FilterResult kTooLarge = 4;
  static constexpr pipeline::FilterResult kProducerClosed = 5;

  KafkaPublish(KafkaOptions options, std::shared_ptr<kafka::RecordSink> sink, pipeline::SlotTable& slots);

  [[nodiscard]] pipeline::FilterResult handle(pipeline::Context& context) noexcept override;
  [[nodiscard]] bool has_effects() const noexcept override { return true; }
  [[nodiscard]] bool unhandled(pipeline::Context& context, pipeline::FilterResult result) noexcept override;

 private:
  /// A topic's handle, or why there is none.
  struct Opened {
    kafka::Topic* topic = nullptr;
    pipeline::FilterResult problem = pipeline::kSuccess;
  };

  [[nodiscard]] Opened choose_topic(const pipeline::Context& context);
  [[nodiscard]] Opened open(std::string_view kafka_topic);
  [[nodiscard]] Opened open_dotted(std::string_view mqtt_topic);
  void build_headers(const pipeline::Context& context, std::string_view dead_letter_reason);
  [[nodiscard]] bool is_reserved(std::string_view header, bool dead_letter) const noexcept;
  [[nodiscard]] bool writes(IdentityHeader header) const noexcept;
  [[nodiscard]] pipeline::FilterResult produce(pipeline::Context& context, kafka::Topic& topic,
                                               std::string_view payload) noexcept;

  KafkaOptions options_;
  const std::shared_ptr<kafka::RecordSink> sink_;
  std::optional<pipeline::Slot> topic_slot_;
  std::optional<pipeline::Slot> header_slot_;
  std::optional<pipeline::Slot> payload_slot_;
  StringMap<kafka::Topic*> topics_;  // bounded: configured topics and topic.maxDynamic
  std::string_view last_name_;       // a key of topics_
  kafka::Topic* last_topic_ = nullptr;
  std::string dotted_;  // the rest is of the current packet, reused
  std::string key_;
  std::vector<kafka::Header> headers_;
};

}  // namespace mqttproxy::filters
