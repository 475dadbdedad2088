#include "topic_mapper.hpp"

#include <algorithm>
#include <utility>

#include "common.hpp"
#include "peers.hpp"

namespace mqttproxy::filters {

namespace {

using pipeline::FilterResult;

std::size_t count_levels_needed(const TopicMapperOptions& options) {
  std::size_t highest = options.match_index;
  for (const TopicMapperOptions::Policy& policy : options.policies) {
    highest = std::max(highest, policy.topic_index);
    if (!policy.headers.empty()) highest = std::max(highest, policy.headers.back().first);
  }
  return highest + 1;
}

/// What happens to messages that fit nowhere; reports a choice the pipeline's Kafka filters cannot serve.
OnNoMatch resolve_on_no_match(const TopicMapperOptions& options, const config::PipelineConfig& pipeline,
                              const config::Value& value) {
  const KafkaPeers peers = read_kafka_peers(pipeline);
  if (!options.on_no_match) return peers.default_topic ? OnNoMatch::Default : OnNoMatch::Disconnect;
  config::Object object(value);
  if (options.on_no_match == OnNoMatch::Default && !peers.default_topic) {
    object.find("onNoMatch")->error("default needs a Kafka filter with topic.default in this pipeline");
  }
  if (options.on_no_match == OnNoMatch::DeadLetter && !peers.dead_letter) {
    object.find("onNoMatch")->error("deadLetter needs a Kafka filter with deadLetter in this pipeline");
  }
  return *options.on_no_match;
}

}  // namespace

TopicMapper::TopicMapper(std::string name, TopicMapperOptions options, OnNoMatch on_no_match,
                         pipeline::SlotTable& slots)
    : name_(std::move(name)),
      options_(std::move(options)),
      on_no_match_(on_no_match),
      levels_needed_(count_levels_needed(options_)) {
  if (!options_.topic_key.empty()) topic_slot_ = slots.slot(options_.topic_key);
  if (!options_.header_key.empty()) header_slot_ = slots.slot(options_.header_key);
  levels_.reserve(std::min<std::size_t>(levels_needed_, 128));
}

FilterResult TopicMapper::handle(pipeline::Context& context) noexcept {
  if (context.type != mqtt::PacketType::Publish || context.publish == nullptr) return pipeline::kSuccess;
  if (options_.is_empty()) return pipeline::kSuccess;  // "empty topicMapper means there is no map"
  split(context.publish->topic);
  const TopicMapperOptions::Route* route = find_route();
  if (route == nullptr) {
    if (context.trace) context.trace(name_, "no route");
    return kMapFailed;
  }
  const TopicMapperOptions::Policy* policy = &options_.policies[route->policy];
  if (context.trace) context.trace(name_, "route " + route->expression.pattern() + " to policy " + policy->name);
  const TopicMapperOptions::KafkaTopic* topic = find_topic(*policy);
  if (context.trace) context.trace(name_, topic == nullptr ? "no Kafka topic" : "Kafka topic " + topic->name);
  if (topic == nullptr) return kMapFailed;

  if (!options_.topic_key.empty()) context.set_text(topic_slot_, topic->name);
  if (!options_.header_key.empty()) {
    std::vector<pipeline::MappedHeader>& headers = context.reset_headers(header_slot_);
    for (const auto& [level, name] : policy->headers) {
      if (level >= levels_.size()) break;  // sorted by level; a level the topic does not have gives no header
      headers.push_back({name, levels_[level]});
    }
  }
  return pipeline::kSuccess;
}

bool TopicMapper::unhandled(pipeline::Context& context, FilterResult /*result*/) noexcept {
  static constexpr std::string_view kReason = "no topic mapping";
  if (context.trace) context.trace(name_, "onNoMatch " + std::string(to_string(on_no_match_)));
  switch (on_no_match_) {
    case OnNoMatch::Default:
      return true;
    case OnNoMatch::DeadLetter:
      context.dead_letter_reason = kReason;
      return true;
    case OnNoMatch::Drop:
      context.drop(kReason);
      return false;
    case OnNoMatch::Disconnect:
      break;
  }
  context.disconnect(kReason);
  return false;
}

/// One leading slash does not count: /a/b has the levels a, b; //a has "", a. An empty topic has none.
void TopicMapper::split(std::string_view mqtt_topic) {
  levels_.clear();
  if (mqtt_topic.empty()) return;
  if (mqtt_topic.front() == '/') mqtt_topic.remove_prefix(1);
  while (levels_.size() < levels_needed_) {
    const std::size_t slash = mqtt_topic.find('/');
    levels_.push_back(mqtt_topic.substr(0, slash));
    if (slash == std::string_view::npos) break;
    mqtt_topic.remove_prefix(slash + 1);
  }
}

const TopicMapperOptions::Route* TopicMapper::find_route() const noexcept {
  if (levels_.size() <= options_.match_index) return nullptr;
  for (const TopicMapperOptions::Route& route : options_.routes) {
    if (route.expression.found_in(levels_[options_.match_index])) return &route;
  }
  return nullptr;
}

const TopicMapperOptions::KafkaTopic* TopicMapper::find_topic(const TopicMapperOptions::Policy& policy) const noexcept {
  if (levels_.size() <= policy.topic_index) return nullptr;
  const std::string_view level = levels_[policy.topic_index];
  for (const TopicMapperOptions::KafkaTopic& topic : policy.topics) {
    for (const Expression& expression : topic.expressions) {
      if (expression.found_in(level)) return &topic;
    }
  }
  return nullptr;
}

std::unique_ptr<pipeline::Filter> TopicMapper::make(const pipeline::FilterBuild& build) {
  const Reading reading(build.config);
  TopicMapperOptions options = read_topic_mapper(reading.value());
  const OnNoMatch on_no_match = resolve_on_no_match(options, build.pipeline, reading.value());
  if (!reading.publish()) return nullptr;
  return std::make_unique<TopicMapper>(build.config.name, std::move(options), on_no_match, build.slots);
}

}  // namespace mqttproxy::filters
