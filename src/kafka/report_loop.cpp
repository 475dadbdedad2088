#include "enqueue.hpp"
#include "errors.hpp"
#include "producer_impl.hpp"

namespace mqttproxy::kafka {

namespace {

using std::chrono::milliseconds;

/// Looks at least this often after lanes that wait for room.
constexpr milliseconds kWithWaiters{100};
constexpr milliseconds kIdle{500};
/// One wake-up hands out no more than about this many, so that the first report does not wait for the last.
constexpr std::size_t kMaxReportsPerWake = 10'000;
/// A lane hears of room when reports have freed this part of the queue: not a wake-up per record.
constexpr std::uint64_t kRoomDivisor = 8;

}  // namespace

void ProducerImpl::run() {
  const auto stopped = [this] {
    const std::scoped_lock lock(wake_mutex_);
    return stop_;
  };
  while (!stopped()) {
    serve(patience());
    if (fatal_.exchange(false)) restart();
  }
}

std::chrono::milliseconds ProducerImpl::patience() const noexcept {
  for (const Lane& lane : gate_.lanes()) {
    if (lane.waiting.load()) return kWithWaiters;
  }
  return dead_letters_.empty() && !gate_.is_shut() ? kIdle : kWithWaiters;
}

void ProducerImpl::serve(milliseconds timeout) {
  freed_messages_before_ = freed_messages_;
  freed_bytes_before_ = freed_bytes_;
  take_events(timeout);
  take_local_reports();
  send_dead_letters();
  hand_out();
  offer_room();
}

void ProducerImpl::take_events(milliseconds timeout) {
  if (client_ == nullptr) {
    // Only between a fatal error and the end: what is left needs no Kafka.
    std::unique_lock lock(wake_mutex_);
    shut_changed_.wait_for(lock, timeout, [this] { return stop_; });
    return;
  }
  std::size_t taken = 0;
  auto wait_ms = static_cast<int>(timeout.count());
  while (taken < kMaxReportsPerWake) {
    const EventPtr event = client_->poll(wait_ms);
    if (event == nullptr) return;
    wait_ms = 0;
    switch (rd_kafka_event_type(event.get())) {
      case RD_KAFKA_EVENT_DR:
        taken += take_reports(event.get());
        break;
      case RD_KAFKA_EVENT_ERROR:
        take_error(event.get());
        break;
      case RD_KAFKA_EVENT_STATS:
        stats_.library(rd_kafka_event_stats(event.get()));
        break;
      default:
        break;
    }
    // The event's end frees the room of its records, before anybody hears of it.
  }
}

std::size_t ProducerImpl::take_reports(rd_kafka_event_t* event) {
  std::size_t count = 0;
  while (const rd_kafka_message_t* message = rd_kafka_event_message_next(event)) {
    if (count == 0 && message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
      stats_.delivered(rd_kafka_message_latency(message));
    }
    ++count;
    take_report(*message);
  }
  return count;
}

void ProducerImpl::take_report(const rd_kafka_message_t& message) {
  ++freed_messages_;
  freed_bytes_ += message.len;
  const bool from_dead_letter_topic =
      dead_letter_topic_ != nullptr && message.rkt == dead_letter_topic_->handle.load(std::memory_order_relaxed);
  if (message.err == RD_KAFKA_RESP_ERR_NO_ERROR && !from_dead_letter_topic) [[likely]] {
    finish({token_of(message), Outcome::Stored, 0});
  } else {
    take_rare_report(message, from_dead_letter_topic);
  }
}

void ProducerImpl::take_rare_report(const rd_kafka_message_t& message, bool from_dead_letter_topic) {
  Report report{token_of(message), outcome_of(message.err, rd_kafka_message_status(&message)),
                static_cast<std::int16_t>(message.err)};
  if (message.err != RD_KAFKA_RESP_ERR_NO_ERROR) stats_.error(message.err);
  if (gate_.is_shut() &&
      (message.err == RD_KAFKA_RESP_ERR__PURGE_QUEUE || message.err == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT)) {
    purged_.fetch_add(1);
  }
  if (from_dead_letter_topic) {
    if (const auto code = first_refusal(message)) {
      report.code = *code;
      if (report.outcome == Outcome::Stored) report.outcome = Outcome::DeadLettered;
    }
  } else if (report.outcome == Outcome::Refused && dead_letter_topic_ != nullptr && !is_too_large(message.err)) {
    // Its report follows with that of the copy.
    dead_letters_.push_back(make_dead_letter(message));
    return;
  }
  finish(report);
}

void ProducerImpl::take_error(rd_kafka_event_t* event) {
  const rd_kafka_resp_err_t code = rd_kafka_event_error(event);
  stats_.error(code);
  if (rd_kafka_event_error_is_fatal(event) != 0) {
    fatal_.store(true);
  } else {
    health_.note_error(rd_kafka_event_error_string(event), code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN);
  }
}

void ProducerImpl::take_local_reports() {
  if (!has_local_reports_.exchange(false)) return;
  std::vector<Report> reports;
  {
    const std::scoped_lock lock(local_mutex_);
    reports.swap(local_reports_);
  }
  for (const Report& report : reports) finish(report);
}

void ProducerImpl::send_dead_letters() {
  while (!dead_letters_.empty()) {
    DeadLetter& letter = dead_letters_.front();
    auto error = RD_KAFKA_RESP_ERR__PURGE_QUEUE;
    if (!purging_.load()) {
      if (client_ == nullptr) break;
      error = enqueue(client_->handle(), dead_letter_topic_->handle.load(), letter.record(), letter.headers);
    }
    if (error == RD_KAFKA_RESP_ERR__QUEUE_FULL) break;
    if (error == RD_KAFKA_RESP_ERR__FATAL) {
      fatal_.store(true);
      break;
    }
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
      stats_.error(error);
      finish({letter.token, Outcome::Refused, letter.code});
    }
    dead_letters_.pop_front();
  }
  // While copies wait nobody else gets in: that bounds them by what the queue held, and leaves them the room.
  if (!dead_letters_.empty()) {
    if (gate_.is_open()) gate_.close();
  } else if (!gate_.is_open() && client_ != nullptr) {
    gate_.open(*client_);
    reopened_ = true;
  }
}

void ProducerImpl::finish(const Report& report) {
  stats_.report(report.outcome);
  gate_.lane(report.token)->reports.push_back(report);
}

void ProducerImpl::hand_out() {
  std::uint64_t count = 0;
  for (Lane& lane : gate_.lanes()) {
    if (lane.reports.empty()) continue;
    count += lane.reports.size();
    lane.sink->on_reports(std::exchange(lane.reports, {}));
  }
  if (count == 0) return;
  gate_.settle(count);
  if (!gate_.is_shut()) return;
  const std::scoped_lock lock(wake_mutex_);
  reported_.notify_all();
}

void ProducerImpl::offer_room() {
  const bool shut = gate_.is_shut();
  if (!shut && !gate_.is_open()) return;
  // Shut: whoever waits is to learn that nothing will be taken any more.
  const bool for_all = std::exchange(reopened_, false) || shut;
  for (Lane& lane : gate_.lanes()) {
    if (!lane.waiting.load()) continue;
    if (!std::exchange(lane.noticed, true)) {
      lane.messages_at_full = freed_messages_before_;
      lane.bytes_at_full = freed_bytes_before_;
    }
    const bool room = for_all || gate_.unreported() == 0 ||
                      freed_messages_ - lane.messages_at_full >= (options_.max_queue_messages + 7) / kRoomDivisor ||
                      freed_bytes_ - lane.bytes_at_full >= options_.max_queue_bytes / kRoomDivisor;
    if (!room) continue;
    lane.noticed = false;
    lane.waiting.store(false);
    lane.sink->on_room();
  }
}

}  // namespace mqttproxy::kafka
