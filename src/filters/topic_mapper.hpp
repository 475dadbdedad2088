// TopicMapper: the levels of an MQTT topic become a Kafka topic and record headers.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "mqttproxy/pipeline/filter.hpp"

#include "topic_mapper_options.hpp"

namespace mqttproxy::filters {

/// Acts on PUBLISH only. Route → policy → Kafka topic; the first match wins at each step, in the file's order. The
/// result goes to the slots named by setKV; header values are views into the packet's topic.
class TopicMapper final : public pipeline::Filter {
 public:
  static constexpr pipeline::FilterResult kMapFailed = 1;  // MQTTTopicMapFailed

  TopicMapper(std::string name, TopicMapperOptions options, OnNoMatch on_no_match, pipeline::SlotTable& slots);

  [[nodiscard]] pipeline::FilterResult handle(pipeline::Context& context) noexcept override;
  [[nodiscard]] bool unhandled(pipeline::Context& context, pipeline::FilterResult result) noexcept override;

  /// nullptr after errors.
  static std::unique_ptr<pipeline::Filter> make(const pipeline::FilterBuild& build);

 private:
  void split(std::string_view mqtt_topic);
  [[nodiscard]] const TopicMapperOptions::Route* find_route() const noexcept;
  [[nodiscard]] const TopicMapperOptions::KafkaTopic* find_topic(
      const TopicMapperOptions::Policy& policy) const noexcept;

  std::string name_;
  TopicMapperOptions options_;
  OnNoMatch on_no_match_;
  pipeline::Slot topic_slot_ = 0;
  pipeline::Slot header_slot_ = 0;
  std::size_t levels_needed_ = 0;         // no index of the configuration looks behind these
  std::vector<std::string_view> levels_;  // of the current packet, reused
};

}  // namespace mqttproxy::filters
