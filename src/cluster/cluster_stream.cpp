// Messages of the downlink topic: the stream, and what is read again.
#include <utility>

#include <boost/asio/post.hpp>

#include "mqttproxy/downlink/record_format.hpp"

#include "cluster_impl.hpp"

namespace mqttproxy::cluster {

namespace {

constexpr std::size_t kMessagesPerTurn = 256;
constexpr std::size_t kMissingPerTurn = 20'000;

}  // namespace

bool ClusterImpl::deliver(const downlink::MessagePtr& message) {
  {
    const std::scoped_lock lock(inbox_mutex_);
    const std::size_t bytes = message->bytes();
    if (inbox_.size() >= options_.max_queue_messages) return false;
    if (!inbox_.empty() && inbox_bytes_ + bytes > options_.max_queue_bytes) return false;
    inbox_.push_back({message, message->partition, message->offset});
    inbox_bytes_ += bytes;
    if (std::exchange(inbox_running_, true)) return true;
  }
  boost::asio::post(io_, [this] { take_messages(); });
  return true;
}

/// Through the inbox like the messages: it must not overtake those of other partitions, nor they it.
void ClusterImpl::begin(std::int32_t partition, std::int64_t offset) {
  {
    const std::scoped_lock lock(inbox_mutex_);
    inbox_.push_back({nullptr, partition, offset});
    if (std::exchange(inbox_running_, true)) return;
  }
  boost::asio::post(io_, [this] { take_messages(); });
}

void ClusterImpl::started() {
  boost::asio::post(io_, [this] {
    streaming_ = true;
    claim_early();
  });
}

/// Some, and not so many that other things wait for long: a message may be missed by every session there is.
void ClusterImpl::take_messages() {
  std::size_t missing = 0;
  for (std::size_t count = 0; count < kMessagesPerTurn && missing < kMissingPerTurn; ++count) {
    Item item;
    {
      const std::scoped_lock lock(inbox_mutex_);
      if (inbox_.empty()) {
        inbox_running_ = false;
        return pump();
      }
      item = std::move(inbox_.front());
      inbox_.pop_front();
      if (item.message) inbox_bytes_ -= item.message->bytes();
    }
    if (item.message == nullptr) {
      history_.begin(item.partition, item.offset);
      continue;
    }
    history_.add(item.message);
    missing += offline_.on_message(item.message);
  }
  pump();
  boost::asio::post(io_, [this] { take_messages(); });
}

void ClusterImpl::pump() {
  if (!history_.pump() || std::exchange(pumping_, true)) return;
  boost::asio::post(io_, [this] {
    pumping_ = false;
    pump();
  });
}

void ClusterImpl::on_range(const kafka::OffsetRange& range, std::span<const kafka::ConsumedRecord> records) {
  const auto now = std::chrono::system_clock::now();
  std::vector<PastMessage> past;
  past.reserve(records.size());
  for (const kafka::ConsumedRecord& record : records) {
    downlink::Message message;
    PastMessage each{record.offset, nullptr};
    if (downlink::decode(record, options_.rules, now, message) == downlink::Fate::Deliver) {
      message.partition = record.partition;
      message.offset = record.offset;
      each.message = std::make_shared<const downlink::Message>(std::move(message));
    }
    past.push_back(std::move(each));
  }
  boost::asio::post(io_, [this, range, moved = std::move(past)] {
    history_.on_range(range, moved);
    pump();
  });
}

void ClusterImpl::on_range_end(const kafka::OffsetRange& range, std::int64_t oldest) {
  boost::asio::post(io_, [this, range, oldest] {
    history_.on_range_end(range, oldest);
    pump();
  });
}

}  // namespace mqttproxy::cluster
