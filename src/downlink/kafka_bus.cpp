#include "mqttproxy/downlink/kafka_bus.hpp"

#include <algorithm>
#include <array>
#include <mutex>
#include <string_view>

#include "mqttproxy/downlink/record_format.hpp"
#include "mqttproxy/kafka/consumer.hpp"
#include "mqttproxy/util/log.hpp"
#include "mqttproxy/util/text.hpp"

#include "kafka_clients.hpp"
#include "publisher.hpp"

namespace mqttproxy::downlink {

namespace {

constexpr std::chrono::seconds kRepeatLog{30};

class KafkaBus final : public Bus, private kafka::RecordHandler {
 public:
  KafkaBus(const KafkaBusOptions& options, std::vector<WorkerPort*> workers, metrics::Registry& metrics)
      : topic_(options.topic.name),
        rules_(options.rules),
        workers_(std::move(workers)),
        publisher_(options, metrics),
        consumer_(kafka::Consumer::create(consumer_options(options), *this, metrics)) {
    metrics_ = metrics.add([this](metrics::Scrape& scrape) { collect(scrape); });
  }

  PublishResult publish(std::vector<Message> messages) override { return publisher_.publish(messages); }

  [[nodiscard]] std::string reason_not_ready() const override {
    const kafka::Health consumer = consumer_->health();
    return consumer.ready ? publisher_.health().reason : consumer.reason;
  }

  void stop(std::chrono::milliseconds timeout) override {
    consumer_->stop();
    publisher_.drain(timeout);
  }

 private:
  // RecordHandler: threads of the consumer.
  void on_started() override {
    for (WorkerPort* worker : workers_) worker->started();
    publisher_.open(topic_);
  }

  void on_partition(std::int32_t partition, std::int64_t first, std::int64_t /*end*/) override {
    for (WorkerPort* worker : workers_) worker->begin(partition, first);
  }

  std::size_t on_records(std::span<const kafka::ConsumedRecord> records) override {
    const auto now = std::chrono::system_clock::now();
    for (std::size_t i = 0; i < records.size(); ++i) {
      if (!take(records[i], now)) return i;
    }
    return records.size();
  }

  /// False: a worker has no room. The record comes again, and goes on at that worker.
  bool take(const kafka::ConsumedRecord& record, std::chrono::system_clock::time_point now) {
    if (current_ == nullptr) {
      Message message;
      const Fate fate = decode(record, rules_, now, message);
      if (fate != Fate::Deliver) {
        skip(record, fate);
        return true;
      }
      current_ = std::make_shared<const Message>(std::move(message));
      next_worker_ = 0;
    }
    while (next_worker_ < workers_.size()) {
      if (!workers_[next_worker_]->deliver(current_)) return false;
      ++next_worker_;
    }
    fates_[static_cast<std::size_t>(Fate::Deliver)].add();
    current_.reset();
    return true;
  }

  void skip(const kafka::ConsumedRecord& record, Fate fate) {
    fates_[static_cast<std::size_t>(fate)].add();
    if (fate == Fate::Expired || fate == Fate::OtherProxy) return;
    const auto now = std::chrono::steady_clock::now();
    auto& last = last_log_[static_cast<std::size_t>(fate)];
    if (last != std::chrono::steady_clock::time_point{} && now - last < kRepeatLog) return;
    last = now;
    spdlog::warn("downlink record skipped cause={} topic={} partition={} offset={} key=\"{}\"", label(fate), topic_,
                 record.partition, record.offset, util::printable(record.key.value_or("")));
  }

  void collect(metrics::Scrape& scrape) const {
    const auto value = [this](Fate fate) { return static_cast<double>(fates_[static_cast<std::size_t>(fate)].get()); };
    scrape.counter("mqttproxy_downlink_records_total", "Records of the downlink topic handed to the workers.",
                   value(Fate::Deliver));
    scrape.counter("mqttproxy_downlink_expired_total", "Records skipped because their expiry was over.",
                   value(Fate::Expired));
    scrape.counter("mqttproxy_downlink_other_proxy_total", "Records for an MQTTProxy this node does not have.",
                   value(Fate::OtherProxy));
    for (auto fate = static_cast<int>(Fate::NoTopic); fate < static_cast<int>(Fate::Count_); ++fate) {
      scrape.counter("mqttproxy_downlink_bad_records_total", "Records skipped because they are no message, by cause.",
                     value(static_cast<Fate>(fate)), {{"cause", std::string(label(static_cast<Fate>(fate)))}});
    }
  }

  const std::string topic_;
  const RecordRules rules_;
  const std::vector<WorkerPort*> workers_;
  Publisher publisher_;

  // Delivery thread only.
  MessagePtr current_;  // taken by the workers before next_worker_
  std::size_t next_worker_ = 0;
  std::array<std::chrono::steady_clock::time_point, static_cast<std::size_t>(Fate::Count_)> last_log_{};

  std::array<metrics::Counter, static_cast<std::size_t>(Fate::Count_)> fates_;
  std::unique_ptr<kafka::Consumer> consumer_;  // gone before everything its threads use
  metrics::Registry::Handle metrics_;
};

}  // namespace

std::unique_ptr<Bus> make_kafka_bus(const KafkaBusOptions& options, std::vector<WorkerPort*> workers,
                                    metrics::Registry& metrics) {
  return std::make_unique<KafkaBus>(options, std::move(workers), metrics);
}

}  // namespace mqttproxy::downlink
