#include <stdexcept>

#include "mqttproxy/util/text.hpp"

#include "conf.hpp"
#include "library_log.hpp"
#include "raii.hpp"
#include "topic_admin.hpp"

namespace mqttproxy::kafka {

namespace {

constexpr int kMaxEvents = 1'000;

/// What librdkafka noted last of why it cannot connect, or "": "time-out" alone does not say that the password is
/// wrong.
std::string last_error(rd_kafka_t* client) {
  const QueuePtr queue(rd_kafka_queue_get_main(client));
  std::string text;
  for (int i = 0; i < kMaxEvents; ++i) {
    const EventPtr event(rd_kafka_queue_poll(queue.get(), 0));
    if (event == nullptr) break;
    const auto code = rd_kafka_event_error(event.get());
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) continue;
    text = " (" + util::printable(rd_kafka_event_error_string(event.get())) + ")";
  }
  return text;
}

TopicCheck check_with(rd_kafka_t* client, const TopicPlan& plan, const std::string& address) {
  const TopicPtr topic(rd_kafka_topic_new(client, plan.name.c_str(), nullptr));
  if (topic == nullptr) return {false, "topic " + plan.name + ": " + rd_kafka_err2str(rd_kafka_last_error())};
  const TopicState state = look_at(client, topic.get(), address);
  if (!state.problem.empty()) return {false, state.problem + last_error(client)};
  if (!state.missing) {
    if (std::string problem = compare(plan, state, read_settings(client, plan.name)); !problem.empty())
      return {false, std::move(problem)};
    return {true, "topic " + plan.name + ": " + std::to_string(state.partitions) + " partitions"};
  }
  if (!plan.create) return {false, missing_text(plan)};
  if (std::string problem = create_topic(client, plan, CreateMode::Validate); !problem.empty()) {
    return {false, std::move(problem)};
  }
  return {true, "topic " + plan.name + ": does not exist yet; the first start makes it"};
}

}  // namespace

TopicCheck check_topic(const std::vector<std::string>& backends,
                       const std::vector<std::pair<std::string, std::string>>& properties, const TopicPlan& plan) {
  if (is_embedded(backends)) return {true, "topic " + plan.name + ": made at the start, in the embedded Kafka"};
  ConsumerOptions options;
  options.name = "mqttproxy-check";
  options.properties = properties;
  try {
    ConfPtr conf = make_conf(options);
    static_cast<void>(set_backends(conf.get(), backends));
    const HandlePtr client = make_handle(std::move(conf), nullptr, RD_KAFKA_CONSUMER);
    return check_with(client.get(), plan, bootstrap_servers(backends));
  } catch (const std::runtime_error& problem) {
    return {false, problem.what()};
  }
}

}  // namespace mqttproxy::kafka
