#include <algorithm>
#include <stdexcept>

#include "mqttproxy/kafka/properties.hpp"
#include "mqttproxy/util/text.hpp"

#include "conf.hpp"
#include "enqueue.hpp"
#include "errors.hpp"
#include "producer_impl.hpp"

namespace mqttproxy::kafka {

std::unique_ptr<Producer> Producer::create(const ProducerOptions& options, const std::vector<ReportSink*>& lanes,
                                           metrics::Registry& metrics) {
  return std::make_unique<ProducerImpl>(options, lanes, metrics);
}

ProducerImpl::ProducerImpl(const ProducerOptions& options, const std::vector<ReportSink*>& lanes,
                           metrics::Registry& metrics)
    : options_(options),
      max_value_bytes_(std::max<std::uint64_t>(options.max_queue_bytes / 1024, 1) * 1024),
      gate_(lanes),
      topics_(options.max_dynamic_topics),
      health_(options.name, bootstrap_servers(options.backends), [this] { return client(); }) {
  configure_topics();
  client_ = std::make_shared<Client>(options_);
  client_since_ = Clock::now();
  topics_.attach(client_->handle());
  gate_.open(*client_);
  thread_ = std::thread([this] { run(); });
  health_.start();
  metrics_ = metrics.add([this](metrics::Scrape& scrape) { collect(scrape); });
}

void ProducerImpl::configure_topics() {
  const auto configure = [this](const std::string& name) -> Topic& {
    if (!is_legal_topic_name(name)) {
      throw std::runtime_error("topic \"" + util::printable(name) + "\" is not a legal Kafka topic name");
    }
    return topics_.configure(name);
  };
  for (const std::string& name : options_.topics) configure(name);
  if (!options_.dead_letter_topic.empty()) dead_letter_topic_ = &configure(options_.dead_letter_topic);
}

std::shared_ptr<const Client> ProducerImpl::client() const {
  const std::scoped_lock lock(client_mutex_);
  return client_;
}

Topic* ProducerImpl::open_topic(std::string_view kafka_topic, TopicError& error) {
  return topics_.open(kafka_topic, error);
}

ProduceResult ProducerImpl::produce(const Record& record) noexcept {
  Lane* lane = gate_.lane(record.token);
  if (lane == nullptr || record.topic == nullptr) return ProduceResult::Failed;
  // It would not fit into the empty queue either, and the caller would wait for room for ever.
  if (record.value.size() > max_value_bytes_) return ProduceResult::TooLarge;
  Gate::Entry entry(gate_, *lane);
  const Client* client = entry.client();
  if (client == nullptr) [[unlikely]] {
    if (!gate_.is_shut()) return wait_for_room(entry, *lane);
    entry.reject();
    return ProduceResult::Failed;
  }
  rd_kafka_topic_t* topic = record.topic->handle.load(std::memory_order_relaxed);
  if (topic == nullptr) [[unlikely]] {
    entry.reject();
    return ProduceResult::Failed;
  }
  HeadersPtr headers = make_headers(record.headers);
  const auto error = enqueue(client->handle(), topic, record, headers);
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR) [[likely]]
    return ProduceResult::Accepted;
  return not_taken(entry, *lane, *client, record, error);
}

ProduceResult ProducerImpl::wait_for_room(Gate::Entry& entry, Lane& lane) noexcept {
  entry.reject();
  gate_.await_room(lane);
  return ProduceResult::QueueFull;
}

ProduceResult ProducerImpl::not_taken(Gate::Entry& entry, Lane& lane, const Client& client, const Record& record,
                                      rd_kafka_resp_err_t error) noexcept {
  switch (error) {
    case RD_KAFKA_RESP_ERR__QUEUE_FULL:
      return wait_for_room(entry, lane);
    case RD_KAFKA_RESP_ERR__FATAL:
      // A new client is on its way; the record waits for it.
      fatal_.store(true);
      client.wake();
      return wait_for_room(entry, lane);
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
      entry.reject();
      stats_.error(error);
      return ProduceResult::TooLarge;
    default:
      break;
  }
  // librdkafka knows already that the topic does not exist or may not be written.
  if (outcome_of(error, RD_KAFKA_MSG_STATUS_NOT_PERSISTED) == Outcome::Refused) {
    return refuse(entry, lane, client, record, error);
  }
  entry.reject();
  stats_.error(error);
  return ProduceResult::Failed;
}

ProduceResult ProducerImpl::refuse(Gate::Entry& entry, Lane& lane, const Client& client, const Record& record,
                                   rd_kafka_resp_err_t error) noexcept {
  if (dead_letter_topic_ != nullptr && record.topic != dead_letter_topic_) {
    HeadersPtr headers = make_headers(record.headers, 2);
    mark_dead_letter(headers.get(), record.topic->name, error);
    Record copy = record;
    copy.partition.reset();
    const auto second =
        enqueue(client.handle(), dead_letter_topic_->handle.load(std::memory_order_relaxed), copy, headers);
    if (second == RD_KAFKA_RESP_ERR_NO_ERROR) {
      stats_.error(error);
      return ProduceResult::Accepted;
    }
    if (second == RD_KAFKA_RESP_ERR__QUEUE_FULL || second == RD_KAFKA_RESP_ERR__FATAL) {
      return not_taken(entry, lane, client, record, second);
    }
  }
  const std::scoped_lock lock(local_mutex_);
  if (local_reports_.size() >= options_.max_queue_messages) return wait_for_room(entry, lane);
  stats_.error(error);
  local_reports_.push_back({record.token, Outcome::Refused, static_cast<std::int16_t>(error)});
  has_local_reports_.store(true);
  client.wake();
  return ProduceResult::Accepted;
}

void ProducerImpl::collect(metrics::Scrape& scrape) const {
  const metrics::Labels labels = {{"producer", options_.name}};
  std::uint64_t queue_full = 0;
  for (const Lane& lane : gate_.lanes()) queue_full += lane.queue_full.load(std::memory_order_relaxed);
  scrape.gauge("mqttproxy_kafka_ready", "1 when Kafka answers.", health().ready ? 1 : 0, labels);
  scrape.gauge("mqttproxy_kafka_queue_messages", "Records accepted whose fate is not yet known.",
               static_cast<double>(unreported()), labels);
  scrape.gauge("mqttproxy_kafka_queue_limit_messages", "Most records the queue takes.",
               static_cast<double>(options_.max_queue_messages), labels);
  scrape.gauge("mqttproxy_kafka_topics", "Kafka topics in use.", static_cast<double>(topics_.size()), labels);
  scrape.counter("mqttproxy_kafka_records_total", "Records accepted into the queue.",
                 static_cast<double>(gate_.accepted()), labels);
  scrape.counter("mqttproxy_kafka_queue_full_total", "Records turned away for want of room.",
                 static_cast<double>(queue_full), labels);
  stats_.collect(scrape, options_.name);
}

}  // namespace mqttproxy::kafka
