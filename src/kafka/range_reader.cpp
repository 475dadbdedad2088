#include "mqttproxy/kafka/range_reader.hpp"

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <utility>

#include "mqttproxy/util/log.hpp"
#include "mqttproxy/util/text.hpp"

#include "conf.hpp"
#include "errors.hpp"
#include "range_reader_impl.hpp"

namespace mqttproxy::kafka {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds kIdle{1'000};
/// Fewer records than this are read over: that takes as long as starting anew behind them.
constexpr std::int64_t kGap = 500;
/// Between attempts to start a partition.
constexpr milliseconds kRetryAfter{100};
/// A new leader may say for a moment that the partition ends before what an earlier one had handed out.
constexpr milliseconds kAskEndAgainAfter{3'000};

ConfPtr range_conf(const ConsumerOptions& options) {
  ConsumerOptions with_ends = options;
  with_ends.start = Start::Beginning;
  // For a record here and there: no answer waits for more records, none brings many more than asked for.
  with_ends.properties.emplace_back("fetch.wait.max.ms", "10");
  with_ends.properties.emplace_back("fetch.min.bytes", "1");
  with_ends.properties.emplace_back("fetch.message.max.bytes", "262144");
  return make_conf(with_ends);
}

}  // namespace

std::unique_ptr<RangeReader> RangeReader::create(const ConsumerOptions& options, RangeHandler& handler,
                                                 metrics::Registry& metrics) {
  return std::make_unique<RangeReaderImpl>(options, handler, metrics);
}

RangeReaderImpl::RangeReaderImpl(const ConsumerOptions& options, RangeHandler& handler, metrics::Registry& metrics)
    : options_(options), handler_(handler), log_(options.name) {
  ConfPtr conf = range_conf(options_);
  embedded_ = set_backends(conf.get(), options_.backends);
  if (embedded_ != nullptr) {  // before librdkafka asks for the topic, which would make it with another number of them
    embedded_->create_topic(options_.topic.name, options_.topic.partitions.value_or(kEmbeddedPartitions));
  }
  client_ = make_handle(std::move(conf), &log_, RD_KAFKA_CONSUMER);
  events_.reset(rd_kafka_queue_get_main(client_.get()));
  queue_.reset(rd_kafka_queue_new(client_.get()));
  topic_.reset(rd_kafka_topic_new(client_.get(), options_.topic.name.c_str(), nullptr));
  if (topic_ == nullptr) throw std::runtime_error("topic " + options_.topic.name + " cannot be consumed");
  metrics_ = metrics.add([this](metrics::Scrape& scrape) { collect(scrape); });
  thread_ = std::thread([this] { run(); });
}

RangeReaderImpl::~RangeReaderImpl() {
  stop();
}

void RangeReaderImpl::stop() noexcept {
  if (!thread_.joinable()) return;
  {
    const std::scoped_lock lock(mutex_);
    stop_ = true;
  }
  rd_kafka_queue_yield(queue_.get());
  thread_.join();
  for (const auto& [number, partition] : partitions_) stop_fetching(number);
}

void RangeReaderImpl::read(const OffsetRange& range) {
  {
    const std::scoped_lock lock(mutex_);
    orders_.push_back(range);
  }
  rd_kafka_queue_yield(queue_.get());
}

void RangeReaderImpl::run() {
  while (true) {
    take_events();
    {
      const std::scoped_lock lock(mutex_);
      if (stop_) return;
    }
    take_orders();
    const auto now = Clock::now();
    retry(now);
    const std::vector<MessagePtr> messages = take_messages(queue_.get(), patience_ms(now));
    note_messages(!messages.empty());
    take_batch(messages);
  }
}

void RangeReaderImpl::take_orders() {
  std::vector<OffsetRange> orders;
  {
    const std::scoped_lock lock(mutex_);
    orders.swap(orders_);
  }
  for (const OffsetRange& range : orders) {
    Partition& partition = partitions_[range.partition];
    partition.ranges.push_back(range);
    if (partition.ranges.size() == 1) begin_range(range.partition);
  }
}

void RangeReaderImpl::retry(Clock::time_point now) {
  for (auto& [number, partition] : partitions_) {
    if (!partition.retry_at || *partition.retry_at > now) continue;
    start(number, partition.from_oldest ? RD_KAFKA_OFFSET_BEGINNING : partition.next);
  }
}

int RangeReaderImpl::patience_ms(Clock::time_point now) const {
  auto patience = kIdle;
  for (const auto& [number, partition] : partitions_) {
    if (partition.fetching) patience = std::min(patience, nudge_after_);
    if (partition.retry_at) {
      patience = std::min(patience, std::chrono::ceil<milliseconds>(*partition.retry_at - now));
    }
  }
  return static_cast<int>(std::max(patience, milliseconds(0)).count());
}

/// What was made outdated by starting a partition elsewhere fills librdkafka's queue as well.
void RangeReaderImpl::note_messages(bool some) {
  const auto now = Clock::now();
  if (some || std::ranges::none_of(partitions_, [](const auto& entry) { return entry.second.fetching; })) {
    silent_since_ = now;
    nudge_after_ = kFirstNudge;
  } else if (now - silent_since_ >= nudge_after_) {
    nudge();
    nudge_after_ = std::min(2 * nudge_after_, kIdle);
  }
}

void RangeReaderImpl::nudge() {
  std::vector<std::int32_t> waiting;
  for (const auto& [number, partition] : partitions_) {
    if (partition.fetching) waiting.push_back(number);
  }
  nudge_fetch(client_.get(), options_.topic.name, waiting);
}

/// What keeps Kafka from answering is said elsewhere, by those who wait for it.
void RangeReaderImpl::take_events() const {
  while (const EventPtr event{rd_kafka_queue_poll(events_.get(), 0)}) {
    if (rd_kafka_event_type(event.get()) != RD_KAFKA_EVENT_ERROR) continue;
    spdlog::debug("kafka reader=\"{}\" error: {}", options_.name,
                  util::printable(rd_kafka_event_error_string(event.get())));
  }
}

void RangeReaderImpl::take_batch(std::span<const MessagePtr> messages) {
  ++batch_;
  std::span<const ConsumedRecord> records = records_.make(messages);
  while (!messages.empty()) {
    const rd_kafka_message_t& first = *messages.front();
    if (first.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      take_error(first);
      messages = messages.subspan(1);
      continue;
    }
    const auto other = std::ranges::find_if(messages, [&first](const MessagePtr& message) {
      return message->err != RD_KAFKA_RESP_ERR_NO_ERROR || message->partition != first.partition;
    });
    const auto count = static_cast<std::size_t>(other - messages.begin());
    take_run(first.partition, records.first(count));
    messages = messages.subspan(count);
    records = records.subspan(count);
  }
}

void RangeReaderImpl::take_run(std::int32_t number, std::span<const ConsumedRecord> run) {
  Partition& partition = partitions_.at(number);
  const auto behind = [&run](std::int64_t offset) {
    return static_cast<std::size_t>(std::ranges::lower_bound(run, offset, {}, &ConsumedRecord::offset) - run.begin());
  };
  while (!run.empty() && partition.fetching && partition.started_in != batch_) {
    if (!reach_oldest(number, run.front().offset)) continue;
    partition.ended_early = false;
    partition.retry_at.reset();
    const OffsetRange range = partition.ranges.front();
    const auto records = run.first(behind(range.to)).subspan(std::min(behind(range.from), behind(range.to)));
    handed_out_.add(records.size());
    if (!records.empty()) handler_.on_range(range, records);
    partition.next = run.back().offset + 1;
    run = run.subspan(behind(range.to));
    if (!run.empty()) partition.next = run.front().offset;
    if (partition.next >= range.to) end_range(number);
  }
}

void RangeReaderImpl::take_error(const rd_kafka_message_t& message) {
  Partition& partition = partitions_.at(message.partition);
  if (!partition.fetching || partition.started_in == batch_) return;
  if (message.err == RD_KAFKA_RESP_ERR__PARTITION_EOF) return take_end(message.partition, message.offset);
  spdlog::debug("kafka reader=\"{}\" topic={} partition={} offset={} error: {}", options_.name, options_.topic.name,
                message.partition, partition.next, util::printable(rd_kafka_message_errstr(&message)));
  // From any other error librdkafka goes on by itself.
  if (message.err != RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET) return;
  if (std::exchange(partition.from_oldest, true)) {
    partition.retry_at = Clock::now() + kRetryAfter;
  } else {
    start(message.partition, RD_KAFKA_OFFSET_BEGINNING);
  }
}

void RangeReaderImpl::take_end(std::int32_t number, std::int64_t offset) {
  if (!reach_oldest(number, offset)) return;
  Partition& partition = partitions_.at(number);
  partition.next = offset;
  if (offset >= partition.ranges.front().to || partition.ended_early) {
    stop_fetching(number);  // librdkafka says only once that this is the end
    return end_range(number);
  }
  partition.ended_early = true;
  partition.retry_at = Clock::now() + kAskEndAgainAfter;
}

/// Learns where the oldest record is from what comes first at `offset`. False: it ended the range, which lies behind
/// all there is: the topic was made anew, or its log was cut.
bool RangeReaderImpl::reach_oldest(std::int32_t number, std::int64_t offset) {
  Partition& partition = partitions_.at(number);
  if (!std::exchange(partition.from_oldest, false)) return true;
  const bool is_behind = offset < partition.next;
  partition.judged = partition.ranges.size();
  partition.gone_below = offset;
  partition.gone_from = is_behind ? partition.next : std::numeric_limits<std::int64_t>::max();
  partition.next = offset;
  if (!is_behind) {
    partition.oldest = offset;
    return true;
  }
  end_range(number);
  return false;
}

void RangeReaderImpl::end_range(std::int32_t number) {
  Partition& partition = partitions_.at(number);
  pop_range(partition);
  while (partition.judged > 0) {
    const OffsetRange& range = partition.ranges.front();
    partition.oldest = std::max(range.from, partition.gone_below);
    if (range.to > partition.gone_below && range.from < partition.gone_from) break;
    pop_range(partition);
  }
  begin_range(number);
}

void RangeReaderImpl::pop_range(Partition& partition) {
  ranges_.add();
  handler_.on_range_end(partition.ranges.front(), partition.oldest);
  partition.ranges.pop_front();
  if (partition.judged > 0) --partition.judged;
}

void RangeReaderImpl::begin_range(std::int32_t number) {
  Partition& partition = partitions_.at(number);
  if (partition.ranges.empty()) return stop_fetching(number);
  const std::int64_t from = partition.ranges.front().from;
  partition.oldest = partition.judged > 0 ? std::max(from, partition.gone_below) : from;
  partition.ended_early = false;
  const std::int64_t gap = partition.oldest - partition.next;
  if (partition.fetching && !partition.retry_at && gap >= 0 && gap < kGap) return;
  partition.next = partition.oldest;
  start(number, partition.next);
}

void RangeReaderImpl::start(std::int32_t number, std::int64_t offset) {
  stop_fetching(number);
  Partition& partition = partitions_.at(number);
  partition.started_in = batch_;
  seeks_.add();
  partition.fetching = rd_kafka_consume_start_queue(topic_.get(), number, offset, queue_.get()) == 0;
  if (!partition.fetching) partition.retry_at = Clock::now() + kRetryAfter;
}

void RangeReaderImpl::stop_fetching(std::int32_t number) {
  Partition& partition = partitions_.at(number);
  partition.retry_at.reset();
  if (std::exchange(partition.fetching, false)) rd_kafka_consume_stop(topic_.get(), number);
}

void RangeReaderImpl::collect(metrics::Scrape& scrape) const {
  const metrics::Labels labels = {{"reader", options_.name}};
  scrape.counter("mqttproxy_kafka_range_reader_ranges_total", "Ranges read to their end.",
                 static_cast<double>(ranges_.get()), labels);
  scrape.counter("mqttproxy_kafka_range_reader_records_total", "Records handed out.",
                 static_cast<double>(handed_out_.get()), labels);
  scrape.counter("mqttproxy_kafka_range_reader_seeks_total", "Times a partition was started at an offset.",
                 static_cast<double>(seeks_.get()), labels);
}

}  // namespace mqttproxy::kafka
