#include "publisher.hpp"

#include <algorithm>
#include <string>

#include "mqttproxy/downlink/record_format.hpp"

#include "kafka_clients.hpp"

namespace mqttproxy::downlink {

namespace {

/// By Outcome: metrics label, and what a caller is told.
struct Words {
  std::string_view label;
  std::string_view reason;
};
constexpr std::array<Words, 7> kWords = {{
    {"stored", ""},
    {"not_ready", "Kafka or the downlink topic is not ready"},
    {"queue_full", "the downlink queue is full: Kafka does not keep up"},
    {"too_large", "the message is larger than Kafka takes (message.max.bytes, max.message.bytes)"},
    {"refused", "Kafka refuses records of the downlink topic"},
    {"unknown", "Kafka has not acknowledged the message in time"},
    {"stopping", "the daemon stops"},
}};

}  // namespace

Publisher::Publisher(const KafkaBusOptions& options, metrics::Registry& metrics)
    : timeout_(options.publish_timeout),
      producer_(kafka::Producer::create(producer_options(options), {this}, metrics)) {
  static_assert(kWords.size() == static_cast<std::size_t>(Outcome::Count_));
  metrics_ = metrics.add([this](metrics::Scrape& scrape) { collect(scrape); });
}

Publisher::~Publisher() {
  producer_.reset();  // it reports until its end
}

void Publisher::open(std::string_view kafka_topic) {
  kafka::TopicError error{};
  topic_.store(producer_->open_topic(kafka_topic, error));
}

PublishResult Publisher::publish(const std::vector<Message>& messages) {
  if (topic_.load() == nullptr) return count(0, messages.size(), Outcome::NotReady);
  const auto deadline = Clock::now() + timeout_;
  PendingPublishes::Call call(pending_, messages.size());
  std::size_t produced = 0;
  Outcome why = Outcome::Stored;
  while (produced < messages.size()) {
    why = produce(messages[produced], call.token(produced), deadline);
    if (why != Outcome::Stored) break;
    ++produced;
  }
  const auto [stored, next] = call.wait(produced, deadline);
  if (stored < produced) why = next ? outcome_of(*next) : Outcome::Unknown;
  return count(stored, messages.size() - stored, why);
}

Publisher::Outcome Publisher::produce(const Message& message, std::uint64_t token, Clock::time_point deadline) {
  const RecordHeaders headers(message);
  const kafka::Record record{topic_.load(), message.topic, headers.get(), message.payload, token};
  while (true) {
    std::unique_lock lock(room_mutex_);
    const std::uint64_t before = rooms_;
    lock.unlock();
    switch (producer_->produce(record)) {
      case kafka::ProduceResult::Accepted:
        return Outcome::Stored;  // or so its report will say
      case kafka::ProduceResult::TooLarge:
        return Outcome::TooLarge;
      case kafka::ProduceResult::Failed:
        return Outcome::Stopping;
      case kafka::ProduceResult::QueueFull:
        break;
    }
    lock.lock();
    if (!room_.wait_until(lock, deadline, [&] { return rooms_ != before; })) return Outcome::QueueFull;
  }
}

void Publisher::on_room() {
  const std::scoped_lock lock(room_mutex_);
  ++rooms_;
  room_.notify_all();
}

Publisher::Outcome Publisher::outcome_of(const kafka::Report& report) {
  static constexpr std::array<std::string_view, 3> kTooLarge = {"MSG_SIZE_TOO_LARGE", "INVALID_MSG_SIZE",
                                                                "RECORD_LIST_TOO_LARGE"};
  if (report.outcome == kafka::Outcome::Unknown) return Outcome::Unknown;
  const bool too_large = std::ranges::find(kTooLarge, kafka::error_name(report.code)) != kTooLarge.end();
  return too_large ? Outcome::TooLarge : Outcome::Refused;
}

PublishResult Publisher::count(std::size_t stored, std::size_t rest, Outcome why) {
  outcomes_[static_cast<std::size_t>(Outcome::Stored)].add(stored);
  if (rest == 0) return {stored, {}};
  outcomes_[static_cast<std::size_t>(why)].add(rest);
  return {stored, kWords.at(static_cast<std::size_t>(why)).reason};
}

void Publisher::collect(metrics::Scrape& scrape) const {
  for (std::size_t i = 0; i < kWords.size(); ++i) {
    scrape.counter("mqttproxy_downlink_publishes_total",
                   "Messages given to the bus through Kafka, by what became of them.",
                   static_cast<double>(outcomes_.at(i).get()), {{"outcome", std::string(kWords.at(i).label)}});
  }
}

}  // namespace mqttproxy::downlink
