#include <utility>

#include "mqttproxy/util/log.hpp"

#include "consumer_impl.hpp"
#include "errors.hpp"

namespace mqttproxy::kafka {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds kWhenReady{5'000};  // also how soon a partition that was added is found
constexpr milliseconds kWhenNot{1'000};
constexpr milliseconds kAfterMaking{50};
constexpr std::chrono::seconds kRepeatLog{30};

}  // namespace

void ConsumerImpl::watch() {
  while (pause(look())) {
  }
}

/// How long until the next look.
milliseconds ConsumerImpl::look() {
  const TopicState state = look_at(client_.get(), topic_.get(), address_);
  if (!state.problem.empty()) return set_not_ready(state.problem);
  if (state.missing) {
    compared_ = false;
    std::string problem = make_topic();
    return problem.empty() ? kAfterMaking : set_not_ready(std::move(problem));
  }
  if (!compared_ && embedded_ == nullptr) {
    if (std::string problem = compare(client_.get(), options_.topic, state); !problem.empty()) {
      return set_not_ready(std::move(problem));
    }
    compared_ = true;
  }
  if (std::string problem = start_partitions(state.partitions); !problem.empty()) {
    return set_not_ready(std::move(problem));
  }
  if (!std::exchange(started_, true)) handler_.on_started();
  set_ready(state.partitions);
  return kWhenReady;
}

std::string ConsumerImpl::make_topic() {
  if (!options_.topic.create) return missing_text(options_.topic);
  std::string problem = create_topic(client_.get(), options_.topic, CreateMode::Create);
  if (problem.empty()) spdlog::info("kafka topic made consumer=\"{}\" topic={}", options_.name, options_.topic.name);
  return problem;
}

/// Fixes the positions of all partitions first: the first fetch keeps the connection busy for half a second.
std::string ConsumerImpl::start_partitions(std::int32_t count) {
  const auto known = static_cast<std::int32_t>(partition_count());
  std::vector<std::int64_t> first;
  for (std::int32_t number = known; number < count; ++number) {
    // A partition added later is read from its beginning: what was written to it before it was found counts as well.
    first.push_back(0);
    if (started_) continue;
    if (std::string problem = find_end(number, first.back()); !problem.empty()) return problem;
  }
  for (std::int32_t number = known; number < count; ++number) {
    if (started_) {
      spdlog::info("kafka partition added consumer=\"{}\" topic={} partition={}", options_.name, options_.topic.name,
                   number);
    }
    if (std::string problem = start_partition(number, first[static_cast<std::size_t>(number - known)]);
        !problem.empty()) {
      return problem;
    }
  }
  return "";
}

std::string ConsumerImpl::find_end(std::int32_t number, std::int64_t& end) {
  std::int64_t low = 0;
  const auto error = rd_kafka_query_watermark_offsets(client_.get(), options_.topic.name.c_str(), number, &low, &end,
                                                      static_cast<int>(kTopicAnswerWithin.count()));
  return error == RD_KAFKA_RESP_ERR_NO_ERROR
             ? ""
             : partition_text(number) + "its end is not known: " + rd_kafka_err2str(error);
}

std::string ConsumerImpl::start_partition(std::int32_t number, std::int64_t first) {
  {
    const std::scoped_lock lock(mutex_);
    partitions_.push_back({first});  // before its first record comes
  }
  handler_.on_partition(number, first, first);
  // An offset, not "the end": librdkafka would look for the end again after an error, and skip what came between.
  if (rd_kafka_consume_start_queue(topic_.get(), number, first, queue_.get()) == 0) return "";
  const rd_kafka_resp_err_t error = rd_kafka_last_error();
  const std::scoped_lock lock(mutex_);
  partitions_.pop_back();
  return partition_text(number) + rd_kafka_err2str(error);
}

std::string ConsumerImpl::partition_text(std::int32_t number) const {
  return "topic " + options_.topic.name + " partition " + std::to_string(number) + ": ";
}

std::size_t ConsumerImpl::partition_count() const {
  const std::scoped_lock lock(mutex_);
  return partitions_.size();
}

Health ConsumerImpl::health() const {
  const std::scoped_lock lock(mutex_);
  return health_;
}

void ConsumerImpl::set_ready(std::int32_t partitions) {
  {
    const std::scoped_lock lock(mutex_);
    last_error_.clear();
    if (std::exchange(health_.ready, true)) return;
    health_.reason.clear();
  }
  spdlog::info("kafka ready consumer=\"{}\" address={} topic={} partitions={}", options_.name, address_,
               options_.topic.name, partitions);
}

milliseconds ConsumerImpl::set_not_ready(std::string reason) {
  bool news = false;
  {
    const std::scoped_lock lock(mutex_);
    if (stop_) return kWhenNot;  // an answer that nobody waits for any more is no news
    if (!last_error_.empty()) reason += " (" + last_error_ + ")";
    news = std::exchange(health_.ready, false) || last_log_ == Clock::time_point{};
    health_.reason = reason;
  }
  const auto now = Clock::now();
  if (!news && now - last_log_ < kRepeatLog) return kWhenNot;
  last_log_ = now;
  spdlog::warn("kafka not ready consumer=\"{}\" reason=\"{}\"", options_.name, reason);
  return kWhenNot;
}

}  // namespace mqttproxy::kafka
