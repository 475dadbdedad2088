#include <stdexcept>

#include "conf.hpp"
#include "library_log.hpp"
#include "raii.hpp"
#include "topic_admin.hpp"

namespace mqttproxy::kafka {

namespace {

TopicCheck check_with(rd_kafka_t* client, const TopicPlan& plan, const std::string& address) {
  const TopicPtr topic(rd_kafka_topic_new(client, plan.name.c_str(), nullptr));
  if (topic == nullptr) return {false, "topic " + plan.name + ": " + rd_kafka_err2str(rd_kafka_last_error())};
  const TopicState state = look_at(client, topic.get(), address);
  if (!state.problem.empty()) return {false, state.problem};
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
