#include "mqttproxy/kafka/consumer.hpp"

#include <algorithm>
#include <numeric>
#include <stdexcept>

#include "mqttproxy/util/log.hpp"
#include "mqttproxy/util/text.hpp"

#include "conf.hpp"
#include "consumer_impl.hpp"
#include "errors.hpp"

namespace mqttproxy::kafka {

namespace {

using std::chrono::milliseconds;

constexpr int kPatienceMs = 100;
constexpr int kNudgeAfterMs = 5;
constexpr std::size_t kMessageBytes = 100;  // librdkafka also limits how many wait in its queue
/// A handler without room is asked again after the first of these, then twice as long, up to the second.
constexpr milliseconds kFirstPause{1};
constexpr milliseconds kLongestPause{50};

}  // namespace

std::unique_ptr<Consumer> Consumer::create(const ConsumerOptions& options, RecordHandler& handler,
                                           metrics::Registry& metrics) {
  return std::make_unique<ConsumerImpl>(options, handler, metrics);
}

ConsumerImpl::ConsumerImpl(const ConsumerOptions& options, RecordHandler& handler, metrics::Registry& metrics)
    : options_(options), address_(bootstrap_servers(options.backends)), handler_(handler), log_(options.name) {
  health_.reason = "Kafka " + address_ + ": no answer yet";
  ConfPtr conf = make_conf(options_);
  embedded_ = set_backends(conf.get(), options_.backends);
  if (embedded_ != nullptr) {  // it cannot be asked to; this also comes before librdkafka asks for the topic
    embedded_->create_topic(options_.topic.name, options_.topic.partitions.value_or(kEmbeddedPartitions));
  }
  client_ = make_handle(std::move(conf), &log_, RD_KAFKA_CONSUMER);
  events_.reset(rd_kafka_queue_get_main(client_.get()));
  queue_.reset(rd_kafka_queue_new(client_.get()));
  topic_.reset(rd_kafka_topic_new(client_.get(), options_.topic.name.c_str(), nullptr));
  if (topic_ == nullptr) throw std::runtime_error("topic " + options_.topic.name + " cannot be consumed");
  metrics_ = metrics.add([this](metrics::Scrape& scrape) { collect(scrape); });
  watcher_ = std::thread([this] { watch(); });
  thread_ = std::thread([this] { run(); });
}

ConsumerImpl::~ConsumerImpl() {
  stop();
}

void ConsumerImpl::stop() noexcept {
  if (!thread_.joinable()) return;
  {
    const std::scoped_lock lock(mutex_);
    stop_ = true;
    stop_changed_.notify_all();
  }
  rd_kafka_queue_yield(queue_.get());
  thread_.join();
  watcher_.join();
  for (std::size_t i = 0; i < partitions_.size(); ++i) {
    rd_kafka_consume_stop(topic_.get(), static_cast<std::int32_t>(i));
  }
}

bool ConsumerImpl::is_stopping() const {
  const std::scoped_lock lock(mutex_);
  return stop_;
}

/// False: the consumer is stopping.
bool ConsumerImpl::pause(milliseconds duration) {
  std::unique_lock lock(mutex_);
  return !stop_changed_.wait_for(lock, duration, [this] { return stop_; });
}

void ConsumerImpl::run() {
  while (!is_stopping()) {
    take_events();
    take_records();
  }
}

void ConsumerImpl::take_events() {
  while (const EventPtr event{rd_kafka_queue_poll(events_.get(), 0)}) {
    if (rd_kafka_event_type(event.get()) != RD_KAFKA_EVENT_ERROR) continue;
    const rd_kafka_resp_err_t code = rd_kafka_event_error(event.get());
    errors_.add(code);
    // "1/1 brokers are down" says less than what came before it.
    const std::scoped_lock lock(mutex_);
    if (code != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || last_error_.empty()) {
      last_error_ = util::printable(rd_kafka_event_error_string(event.get()));
    }
  }
}

void ConsumerImpl::take_records() {
  const bool was_full = since_nudge_bytes_ >= options_.max_queue_bytes / 2;
  const std::vector<MessagePtr> messages = take_messages(queue_.get(), was_full ? kNudgeAfterMs : kPatienceMs);
  if (messages.empty() && was_full) nudge();
  for (const MessagePtr& message : messages) since_nudge_bytes_ += message->len + message->key_len + kMessageBytes;
  if (!hand_out(records_.make(messages))) return;
  // An error ends its partition's records, so none of them is overtaken.
  for (const MessagePtr& message : messages) {
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) take_error(*message);
  }
}

/// The queue is empty, and may have been full a moment ago.
void ConsumerImpl::nudge() {
  since_nudge_bytes_ = 0;
  std::vector<std::int32_t> all(partition_count());
  std::iota(all.begin(), all.end(), 0);
  nudge_fetch(client_.get(), options_.topic.name, all);
}

/// False: the consumer is stopping, and not every record was taken.
bool ConsumerImpl::hand_out(std::span<const ConsumedRecord> rest) {
  milliseconds wait = kFirstPause;
  while (!rest.empty()) {
    const std::size_t taken = std::min(handler_.on_records(rest), rest.size());
    advance(rest.first(taken));
    rest = rest.subspan(taken);
    if (rest.empty()) break;
    pauses_.add();
    if (taken != 0) wait = kFirstPause;
    if (!pause(wait)) return false;
    wait = std::min(2 * wait, kLongestPause);
  }
  return true;
}

void ConsumerImpl::advance(std::span<const ConsumedRecord> taken) {
  consumed_.add(taken.size());
  const std::scoped_lock lock(mutex_);
  for (const ConsumedRecord& record : taken) {
    Partition& partition = partitions_[static_cast<std::size_t>(record.partition)];
    if (partition.restarted) {
      partition.restarted = false;
      if (record.offset > partition.next) missed_.add(static_cast<std::uint64_t>(record.offset - partition.next));
      spdlog::warn("kafka consumer=\"{}\" topic={} partition={} goes on at offset={} instead of {}", options_.name,
                   options_.topic.name, record.partition, record.offset, partition.next);
    }
    partition.next = record.offset + 1;
  }
}

void ConsumerImpl::take_error(const rd_kafka_message_t& message) {
  if (message.err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
    handler_.on_partition_end(message.partition, message.offset);
    return;
  }
  errors_.add(message.err);
  if (message.err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET) {
    spdlog::warn("kafka consumer=\"{}\" topic={} partition={} position is gone from Kafka, going on at the oldest: {}",
                 options_.name, options_.topic.name, message.partition,
                 util::printable(rd_kafka_message_errstr(&message)));
    restarts_.add();
    restart_partition(message.partition);
  } else {
    // librdkafka goes on by itself; the watch says what keeps Kafka from answering.
    spdlog::debug("kafka consumer=\"{}\" topic={} partition={} error={}", options_.name, options_.topic.name,
                  message.partition, error_name(static_cast<std::int16_t>(message.err)));
  }
}

void ConsumerImpl::restart_partition(std::int32_t number) {
  // Not at once: a partition that fails again and again must not keep a core busy.
  if (!pause(milliseconds(100))) return;
  rd_kafka_consume_stop(topic_.get(), number);
  rd_kafka_consume_start_queue(topic_.get(), number, RD_KAFKA_OFFSET_BEGINNING, queue_.get());
  const std::scoped_lock lock(mutex_);
  partitions_[static_cast<std::size_t>(number)].restarted = true;
}

std::int64_t ConsumerImpl::lag() const {
  const std::scoped_lock lock(mutex_);
  std::int64_t most = 0;
  for (std::size_t i = 0; i < partitions_.size(); ++i) {
    std::int64_t low = 0;
    std::int64_t high = RD_KAFKA_OFFSET_INVALID;
    rd_kafka_get_watermark_offsets(client_.get(), options_.topic.name.c_str(), static_cast<std::int32_t>(i), &low,
                                   &high);
    if (high >= 0) most = std::max(most, high - partitions_[i].next);
  }
  return most;
}

void ConsumerImpl::collect(metrics::Scrape& scrape) const {
  const metrics::Labels labels = {{"consumer", options_.name}};
  scrape.gauge("mqttproxy_kafka_consumer_ready", "1 when Kafka answers and every position is known.",
               health().ready ? 1 : 0, labels);
  scrape.gauge("mqttproxy_kafka_consumer_lag_records",
               "Records of the partition that is furthest behind which have not been handed out.",
               static_cast<double>(lag()), labels);
  scrape.counter("mqttproxy_kafka_consumed_records_total", "Records handed out.", static_cast<double>(consumed_.get()),
                 labels);
  scrape.counter("mqttproxy_kafka_consumer_pauses_total", "Times there was no room for a record.",
                 static_cast<double>(pauses_.get()), labels);
  scrape.counter("mqttproxy_kafka_consumer_restarts_total", "Partitions whose position was gone from Kafka.",
                 static_cast<double>(restarts_.get()), labels);
  scrape.counter("mqttproxy_kafka_consumer_missed_records_total", "Offsets skipped by these restarts.",
                 static_cast<double>(missed_.get()), labels);
  errors_.collect(scrape, "mqttproxy_kafka_consumer_errors_total", labels);
}

}  // namespace mqttproxy::kafka
