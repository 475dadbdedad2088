#include "health.hpp"

#include <span>
#include <utility>

#include "mqttproxy/util/log.hpp"
#include "mqttproxy/util/text.hpp"

namespace mqttproxy::kafka {

namespace {

using MetadataPtr = std::unique_ptr<const rd_kafka_metadata_t, Destroyer<rd_kafka_metadata_destroy>>;

}  // namespace

HealthProbe::HealthProbe(std::string producer, std::string address, ClientSource client)
    : producer_(std::move(producer)), address_(std::move(address)), client_(std::move(client)) {
  health_.reason = "Kafka " + address_ + ": no answer yet";
}

HealthProbe::~HealthProbe() {
  join();
}

void HealthProbe::join() noexcept {
  stop();
  if (thread_.joinable()) thread_.join();
}

void HealthProbe::start() {
  thread_ = std::thread([this] { run(); });
}

void HealthProbe::stop() noexcept {
  const std::scoped_lock lock(mutex_);
  stop_ = true;
  changed_.notify_all();
}

Health HealthProbe::health() const {
  const std::scoped_lock lock(mutex_);
  return health_;
}

void HealthProbe::note_error(std::string_view text, bool all_down) {
  const std::scoped_lock lock(mutex_);
  // "1/1 brokers are down" says less than what came before it.
  if (!all_down || last_error_.empty()) last_error_ = util::printable(text);
  // Only a change is worth a request out of turn: while not ready this comes with every attempt to connect.
  if (all_down && health_.ready) {
    ask_now_ = true;
    changed_.notify_all();
  }
}

void HealthProbe::run() {
  while (true) {
    if (const auto client = client_()) probe(*client);
    std::unique_lock lock(mutex_);
    const auto pause = health_.ready ? kWhenReady : kWhenNot;
    changed_.wait_for(lock, pause, [this] { return stop_ || ask_now_; });
    if (stop_) return;
    ask_now_ = false;
  }
}

void HealthProbe::probe(const Client& client) {
  constexpr int kOnlyKnownTopics = 0;
  constexpr int kTimeoutMs = static_cast<int>(std::chrono::milliseconds(kAnswerWithin).count());
  const rd_kafka_metadata_t* answer = nullptr;
  const auto error = rd_kafka_metadata(client.handle(), kOnlyKnownTopics, nullptr, &answer, kTimeoutMs);
  const MetadataPtr metadata(answer);
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    set_not_ready(rd_kafka_err2str(error));
  } else if (metadata->broker_cnt == 0) {
    set_not_ready("no broker");
  } else {
    set_ready(metadata->broker_cnt);
    warn_about_topics(*metadata);
  }
}

void HealthProbe::set_ready(int brokers) {
  {
    const std::scoped_lock lock(mutex_);
    last_error_.clear();
    if (std::exchange(health_.ready, true)) return;
    health_.reason.clear();
  }
  spdlog::info("kafka ready producer=\"{}\" address={} brokers={}", producer_, address_, brokers);
}

void HealthProbe::set_not_ready(const std::string& what) {
  const auto now = std::chrono::steady_clock::now();
  Health health;
  bool changed = false;
  {
    const std::scoped_lock lock(mutex_);
    changed = std::exchange(health_.ready, false);
    health_.reason = "Kafka " + address_ + " unreachable: " + what;
    if (!last_error_.empty()) health_.reason += " (" + last_error_ + ")";
    health = health_;
    if (stop_) return;  // an answer that nobody waits for any more is no news
  }
  const bool first = last_log_ == std::chrono::steady_clock::time_point{};
  if (!first && !changed && now - last_log_ < kRepeatLog) return;
  last_log_ = now;
  spdlog::warn("kafka not ready producer=\"{}\" reason=\"{}\"", producer_, health.reason);
}

void HealthProbe::warn_about_topics(const rd_kafka_metadata_t& metadata) {
  const std::span topics(metadata.topics, static_cast<std::size_t>(metadata.topic_cnt));
  for (const rd_kafka_metadata_topic_t& topic : topics) {
    // A topic that is being made has no leader for a moment.
    if (topic.err == RD_KAFKA_RESP_ERR_NO_ERROR || topic.err == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE) {
      missing_topics_.erase(topic.topic);
    } else if (missing_topics_.insert(topic.topic).second) {
      spdlog::warn("kafka topic not usable producer=\"{}\" topic={} error={}", producer_, topic.topic,
                   rd_kafka_err2name(topic.err));
    }
  }
}

}  // namespace mqttproxy::kafka
