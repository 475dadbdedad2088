#include "mqttproxy/kafka/group_member.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <set>
#include <span>
#include <stdexcept>
#include <string_view>
#include <thread>

#include <librdkafka/rdkafka.h>

#include "mqttproxy/kafka/consumer.hpp"
#include "mqttproxy/kafka/embedded.hpp"
#include "mqttproxy/metrics/metrics.hpp"
#include "mqttproxy/util/log.hpp"
#include "mqttproxy/util/text.hpp"

#include "conf.hpp"
#include "library_log.hpp"
#include "raii.hpp"

namespace mqttproxy::kafka {

namespace {

constexpr int kPollMs = 1'000;
constexpr std::chrono::seconds kLeaveWithin{5};
constexpr std::chrono::seconds kRepeatLog{30};

ConfPtr group_conf(const GroupOptions& options) {
  ConsumerOptions consumer;
  consumer.name = options.name;
  consumer.backends = options.backends;
  consumer.properties = options.properties;
  ConfPtr conf = make_conf(consumer);
  const auto set = [&conf](std::string_view name, const std::string& value) {
    if (const auto problem = set_property(conf.get(), name, value)) throw std::runtime_error(*problem);
  };
  set("group.id", options.group);
  set("session.timeout.ms", "10000");
  set("heartbeat.interval.ms", "2000");
  // Not cooperative-sticky, under which librdkafka 2.0.2 aborts the process when a member leaves that never led the
  // group.
  set("partition.assignment.strategy", "roundrobin");
  // A topic that does not exist yet is found within seconds (five minutes otherwise).
  set("topic.metadata.refresh.interval.ms", "5000");
  rd_kafka_conf_set_events(conf.get(), RD_KAFKA_EVENT_REBALANCE | RD_KAFKA_EVENT_ERROR);
  return conf;
}

std::span<rd_kafka_topic_partition_t> elements(const rd_kafka_topic_partition_list_t& list) {
  return {list.elems, static_cast<std::size_t>(list.cnt)};
}

class GroupMemberImpl final : public GroupMember {
 public:
  GroupMemberImpl(const GroupOptions& options, AssignmentHandler& handler, metrics::Registry& metrics);
  ~GroupMemberImpl() override { stop(); }
  GroupMemberImpl(const GroupMemberImpl&) = delete;
  GroupMemberImpl& operator=(const GroupMemberImpl&) = delete;

  void stop() noexcept override;

 private:
  void run();
  void take_event();
  void note_error(rd_kafka_resp_err_t error, const char* text);
  void assign(rd_kafka_topic_partition_list_t& assigned);
  void give_up();
  void tell();
  void collect(metrics::Scrape& scrape) const;

  const GroupOptions options_;
  AssignmentHandler& handler_;
  LibraryLog log_;
  std::shared_ptr<EmbeddedKafka> embedded_;
  HandlePtr client_;
  QueuePtr queue_;
  std::set<std::int32_t> partitions_;  // member's thread only
  std::atomic<std::size_t> count_{0};  // of them
  std::atomic<bool> stop_{false};
  std::chrono::steady_clock::time_point last_log_{};  // member's thread only
  metrics::SharedCounter changes_;
  metrics::SharedCounter errors_;
  metrics::Registry::Handle metrics_;
  std::thread thread_;
};

GroupMemberImpl::GroupMemberImpl(const GroupOptions& options, AssignmentHandler& handler, metrics::Registry& metrics)
    : options_(options), handler_(handler), log_(options.name) {
  ConfPtr conf = group_conf(options_);
  embedded_ = set_backends(conf.get(), options_.backends);
  client_ = make_handle(std::move(conf), &log_, RD_KAFKA_CONSUMER);
  rd_kafka_poll_set_consumer(client_.get());  // one queue for all events
  queue_.reset(rd_kafka_queue_get_consumer(client_.get()));
  const PartitionsPtr topics(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(topics.get(), options_.topic.c_str(), RD_KAFKA_PARTITION_UA);
  const auto error = rd_kafka_subscribe(client_.get(), topics.get());
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) throw std::runtime_error(rd_kafka_err2str(error));
  metrics_ = metrics.add([this](metrics::Scrape& scrape) { collect(scrape); });
  thread_ = std::thread([this] { run(); });
}

void GroupMemberImpl::stop() noexcept {
  if (!thread_.joinable()) return;
  stop_.store(true);
  rd_kafka_queue_yield(queue_.get());
  thread_.join();
  queue_.reset();
  // What is not closed by now would wait for Kafka, which will notice by itself that this member is gone.
  rd_kafka_destroy_flags(client_.release(), RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}

void GroupMemberImpl::run() {
  while (!stop_.load()) take_event();
  const ErrorPtr error(rd_kafka_consumer_close_queue(client_.get(), queue_.get()));  // fails only when it was closed
  const auto deadline = std::chrono::steady_clock::now() + kLeaveWithin;
  while (rd_kafka_consumer_closed(client_.get()) == 0 && std::chrono::steady_clock::now() < deadline) take_event();
}

void GroupMemberImpl::take_event() {
  const EventPtr event(rd_kafka_queue_poll(queue_.get(), kPollMs));
  if (event == nullptr) return;
  const auto error = rd_kafka_event_error(event.get());
  if (rd_kafka_event_type(event.get()) == RD_KAFKA_EVENT_REBALANCE) {
    if (error == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
      assign(*rd_kafka_event_topic_partition_list(event.get()));
    } else {
      give_up();
    }
  } else if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    note_error(error, rd_kafka_event_error_string(event.get()));
  }
}

/// What concerns this group alone, a permission above all. That Kafka is away others say.
void GroupMemberImpl::note_error(rd_kafka_resp_err_t error, const char* text) {
  errors_.add();
  const auto now = std::chrono::steady_clock::now();
  const bool by_kafka = error > RD_KAFKA_RESP_ERR_NO_ERROR;  // librdkafka's own are negative
  const bool due = by_kafka && (last_log_ == std::chrono::steady_clock::time_point{} || now - last_log_ >= kRepeatLog);
  if (due) last_log_ = now;
  spdlog::log(due ? spdlog::level::warn : spdlog::level::debug, "kafka member=\"{}\" group={} error: {}", options_.name,
              options_.group, util::printable(text));
}

void GroupMemberImpl::assign(rd_kafka_topic_partition_list_t& assigned) {
  // The end has to be asked for: by the time it is known the partition is paused, and nothing is ever fetched.
  for (rd_kafka_topic_partition_t& partition : elements(assigned)) partition.offset = RD_KAFKA_OFFSET_END;
  rd_kafka_assign(client_.get(), &assigned);
  rd_kafka_pause_partitions(client_.get(), &assigned);
  partitions_.clear();
  for (const rd_kafka_topic_partition_t& partition : elements(assigned)) partitions_.insert(partition.partition);
  tell();
}

void GroupMemberImpl::give_up() {
  partitions_.clear();
  tell();  // first: others may have them from the next call on
  rd_kafka_assign(client_.get(), nullptr);
}

void GroupMemberImpl::tell() {
  count_.store(partitions_.size());
  changes_.add();
  spdlog::info("kafka partitions assigned member=\"{}\" group={} topic={} partitions={}", options_.name, options_.group,
               options_.topic, partitions_.size());
  handler_.on_assignment({partitions_.begin(), partitions_.end()});
}

void GroupMemberImpl::collect(metrics::Scrape& scrape) const {
  const metrics::Labels labels = {{"member", options_.name}};
  scrape.gauge("mqttproxy_kafka_group_partitions", "Partitions that are this process's.",
               static_cast<double>(count_.load()), labels);
  scrape.counter("mqttproxy_kafka_group_changes_total", "Changes of this set.", static_cast<double>(changes_.get()),
                 labels);
  scrape.counter("mqttproxy_kafka_group_errors_total", "What Kafka or the way to it had against this member.",
                 static_cast<double>(errors_.get()), labels);
}

}  // namespace

std::unique_ptr<GroupMember> GroupMember::create(const GroupOptions& options, AssignmentHandler& handler,
                                                 metrics::Registry& metrics) {
  return std::make_unique<GroupMemberImpl>(options, handler, metrics);
}

}  // namespace mqttproxy::kafka
