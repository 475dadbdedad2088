#include "topic_admin.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "errors.hpp"
#include "raii.hpp"

namespace mqttproxy::kafka {

namespace {

using MetadataPtr = std::unique_ptr<const rd_kafka_metadata_t, Destroyer<rd_kafka_metadata_destroy>>;
using NewTopicPtr = std::unique_ptr<rd_kafka_NewTopic_t, Destroyer<rd_kafka_NewTopic_destroy>>;
using AdminOptionsPtr = std::unique_ptr<rd_kafka_AdminOptions_t, Destroyer<rd_kafka_AdminOptions_destroy>>;
using ConfigResourcePtr = std::unique_ptr<rd_kafka_ConfigResource_t, Destroyer<rd_kafka_ConfigResource_destroy>>;

constexpr int kAnswerWithinMs = static_cast<int>(kTopicAnswerWithin.count());
constexpr int kBrokerChooses = -1;
constexpr const char* kBrokerTime = "LogAppendTime";

std::string topic_text(std::string_view name) {
  return "topic " + std::string(name) + ": ";
}

AdminOptionsPtr admin_options(rd_kafka_t* client, rd_kafka_admin_op_t operation) {
  AdminOptionsPtr options(rd_kafka_AdminOptions_new(client, operation));
  rd_kafka_AdminOptions_set_request_timeout(options.get(), kAnswerWithinMs, nullptr, 0);
  return options;
}

/// The answer to one request. librdkafka always gives one, within the request's time-out.
EventPtr await(const QueuePtr& queue) {
  return EventPtr(rd_kafka_queue_poll(queue.get(), 2 * kAnswerWithinMs));
}

TopicSettings to_settings(std::span<const rd_kafka_ConfigEntry_t*> entries) {
  TopicSettings settings;
  for (const rd_kafka_ConfigEntry_t* entry : entries) {
    const std::string_view name = rd_kafka_ConfigEntry_name(entry);
    const char* value = rd_kafka_ConfigEntry_value(entry);
    if (value == nullptr) continue;
    if (name == "cleanup.policy") settings.cleanup_policy = value;
    if (name == "retention.ms") settings.retention_ms = value;
    if (name == "min.compaction.lag.ms") settings.min_compaction_lag_ms = value;
    if (name == "message.timestamp.type") settings.timestamp_type = value;
  }
  return settings;
}

void set(rd_kafka_NewTopic_t* topic, const char* name, const std::optional<std::chrono::milliseconds>& value) {
  if (value) rd_kafka_NewTopic_set_config(topic, name, std::to_string(value->count()).c_str());
}

/// "retention.ms is 5, the configuration asks for 7" when the topic's is known and too short, or "".
std::string too_short(std::string_view name, const std::string& value,
                      const std::optional<std::chrono::milliseconds>& wanted) {
  std::int64_t found = 0;
  const bool known = std::from_chars(value.data(), value.data() + value.size(), found).ec == std::errc{};
  if (!wanted || !known || found < 0 || found >= wanted->count()) return "";  // -1: for ever
  return std::string(name) + " is " + value + ", the configuration asks for " + std::to_string(wanted->count());
}

/// What is wrong with what becomes of old records, or "".
std::string cleanup_problem(const TopicPlan& plan, const TopicSettings& settings) {
  const std::string& policy = settings.cleanup_policy;
  if (policy.empty()) return "";
  const bool compacts = policy.find("compact") != std::string::npos;
  if (compacts && plan.cleanup == Cleanup::Delete) {
    return "cleanup.policy is " + policy + ", which loses messages: of each key it keeps the last; it must be delete";
  }
  const bool deletes = policy.find("delete") != std::string::npos;
  if ((!compacts || deletes) && plan.cleanup == Cleanup::Compact) {
    return "cleanup.policy is " + policy +
           ", which loses what has not been written for long: the last record of every key must stay; it must be "
           "compact";
  }
  return compacts ? too_short("min.compaction.lag.ms", settings.min_compaction_lag_ms, plan.min_compaction_lag)
                  : too_short("retention.ms", settings.retention_ms, plan.retention);
}

/// What is wrong with whose clock the records' times are of, or "".
std::string time_problem(const TopicPlan& plan, const TopicSettings& settings) {
  const std::string& type = settings.timestamp_type;
  if (!plan.broker_time || type.empty() || type == kBrokerTime) return "";
  return "message.timestamp.type is " + type + ", by which a node with a wrong clock could end sessions; it must be " +
         kBrokerTime;
}

}  // namespace

TopicSettings read_settings(rd_kafka_t* client, const std::string& topic) {
  const ConfigResourcePtr resource(rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic.c_str()));
  const QueuePtr queue(rd_kafka_queue_new(client));
  const AdminOptionsPtr options = admin_options(client, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
  rd_kafka_ConfigResource_t* asked = resource.get();
  rd_kafka_DescribeConfigs(client, &asked, 1, options.get(), queue.get());
  const EventPtr event = await(queue);
  if (event == nullptr || rd_kafka_event_error(event.get()) != RD_KAFKA_RESP_ERR_NO_ERROR) return {};
  std::size_t count = 0;
  const rd_kafka_ConfigResource_t** answers =
      rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(event.get()), &count);
  if (count != 1 || rd_kafka_ConfigResource_error(answers[0]) != RD_KAFKA_RESP_ERR_NO_ERROR) return {};
  std::size_t entries = 0;
  const rd_kafka_ConfigEntry_t** first = rd_kafka_ConfigResource_configs(answers[0], &entries);
  return to_settings({first, entries});
}

TopicState look_at(rd_kafka_t* client, rd_kafka_topic_t* topic, const std::string& address) {
  constexpr int kOneTopic = 0;
  const rd_kafka_metadata_t* answer = nullptr;
  const auto error = rd_kafka_metadata(client, kOneTopic, topic, &answer, kAnswerWithinMs);
  const MetadataPtr metadata(answer);
  TopicState state;
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    state.problem = "Kafka " + address + " unreachable: " + rd_kafka_err2str(error);
    return state;
  }
  const std::string_view name = rd_kafka_topic_name(topic);
  const std::span topics(metadata->topics, static_cast<std::size_t>(metadata->topic_cnt));
  const auto found = std::ranges::find(topics, name, &rd_kafka_metadata_topic_t::topic);
  if (found == topics.end() || found->err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
    state.missing = true;
  } else if (found->err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED) {
    state.problem = topic_text(name) + "this client may not read it";
  } else if (found->err != RD_KAFKA_RESP_ERR_NO_ERROR || found->partition_cnt == 0) {
    state.problem = topic_text(name) + rd_kafka_err2str(found->err);
  } else {
    state.partitions = found->partition_cnt;
    state.fewest_copies = std::numeric_limits<std::int32_t>::max();
    for (const rd_kafka_metadata_partition_t& partition :
         std::span(found->partitions, static_cast<std::size_t>(found->partition_cnt))) {
      state.fewest_copies = std::min(state.fewest_copies, partition.replica_cnt);
    }
  }
  return state;
}

std::string create_topic(rd_kafka_t* client, const TopicPlan& plan, CreateMode mode) {
  std::array<char, 512> reason{};
  const NewTopicPtr topic(rd_kafka_NewTopic_new(plan.name.c_str(), plan.partitions.value_or(kBrokerChooses),
                                                plan.replication_factor.value_or(kBrokerChooses), reason.data(),
                                                reason.size()));
  if (topic == nullptr) return topic_text(plan.name) + reason.data();
  rd_kafka_NewTopic_set_config(topic.get(), "cleanup.policy", plan.cleanup == Cleanup::Compact ? "compact" : "delete");
  set(topic.get(), "retention.ms", plan.retention);
  set(topic.get(), "min.compaction.lag.ms", plan.min_compaction_lag);
  set(topic.get(), "segment.ms", plan.segment_age);
  if (plan.broker_time) rd_kafka_NewTopic_set_config(topic.get(), "message.timestamp.type", kBrokerTime);
  const QueuePtr queue(rd_kafka_queue_new(client));
  const AdminOptionsPtr options = admin_options(client, RD_KAFKA_ADMIN_OP_CREATETOPICS);
  rd_kafka_AdminOptions_set_operation_timeout(options.get(), kAnswerWithinMs, nullptr, 0);
  rd_kafka_AdminOptions_set_validate_only(options.get(), mode == CreateMode::Validate ? 1 : 0, nullptr, 0);
  rd_kafka_NewTopic_t* wanted = topic.get();
  rd_kafka_CreateTopics(client, &wanted, 1, options.get(), queue.get());

  const std::string failed = topic_text(plan.name) + "it does not exist and cannot be made: ";
  const EventPtr event = await(queue);
  if (event == nullptr) return failed + "no answer";
  if (rd_kafka_event_error(event.get()) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return failed + rd_kafka_event_error_string(event.get());
  }
  std::size_t count = 0;
  const rd_kafka_topic_result_t** results =
      rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event.get()), &count);
  if (count != 1) return failed + "no answer";
  const auto error = rd_kafka_topic_result_error(results[0]);
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR || error == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) return "";
  const char* text = rd_kafka_topic_result_error_string(results[0]);
  return failed + (text == nullptr ? rd_kafka_err2str(error) : text);
}

std::string compare(const TopicPlan& plan, const TopicState& state, const TopicSettings& settings) {
  const std::string topic = topic_text(plan.name);
  const std::int32_t wanted = plan.partitions.value_or(state.partitions);
  if (state.partitions < wanted || (plan.exact_partitions && state.partitions != wanted)) {
    std::string problem =
        topic + std::to_string(state.partitions) + " partitions, the configuration asks for " + std::to_string(wanted);
    if (plan.exact_partitions) problem += "; records are found by partition number, so that it can never change";
    return problem;
  }
  if (plan.replication_factor && state.fewest_copies < *plan.replication_factor) {
    return topic + "replication factor " + std::to_string(state.fewest_copies) + ", the configuration asks for " +
           std::to_string(*plan.replication_factor);
  }
  std::string problem = cleanup_problem(plan, settings);
  if (problem.empty()) problem = time_problem(plan, settings);
  return problem.empty() ? "" : topic + problem;
}

std::string missing_text(const TopicPlan& plan) {
  return topic_text(plan.name) + "it does not exist, and createTopics is false";
}

}  // namespace mqttproxy::kafka
