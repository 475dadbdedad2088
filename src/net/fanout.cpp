#include "fanout.hpp"

#include <algorithm>
#include <limits>

#include <boost/asio/post.hpp>

#include "worker.hpp"

namespace mqttproxy::net {

namespace {

/// One turn ends here, so that sockets are served between the turns of a long fan-out. Of the messages of one turn
/// every connection gets its share with one write.
constexpr std::size_t kMessagesPerTurn = 64;
constexpr std::size_t kMatchesPerTurn = 16'384;
constexpr std::size_t kFlushesPerTurn = 512;

}  // namespace

Fanout::Fanout(Worker& worker, const config::NodeConfig& node)
    : worker_(worker), max_messages_(node.downlink.queue_messages), max_bytes_(node.downlink.queue_bytes) {
  set_limits(node);
}

void Fanout::set_limits(const config::NodeConfig& node) noexcept {
  messages_per_turn_ = std::min<std::size_t>(kMessagesPerTurn, node.limits.session_queue_messages);
  bytes_per_turn_ = std::min(node.limits.max_unsent_bytes, node.limits.session_queue_bytes);
}

bool Fanout::push(const downlink::MessagePtr& message) {
  {
    const std::scoped_lock lock(mutex_);
    // A worker without subscribers is not woken. Who subscribes now asks for position() afterwards: this is before it.
    if (inbox_.empty() && worker_.subscriptions() == 0) {
      advance(message->partition, message->offset + 1);
      return true;
    }
    const std::size_t bytes = message->bytes();
    const bool full = inbox_.size() >= max_messages_ || (!inbox_.empty() && inbox_bytes_ + bytes > max_bytes_);
    if (full) {
      refused_.add();
      return false;
    }
    inbox_.push_back(message);
    inbox_bytes_ += bytes;
    if (std::exchange(running_, true)) return true;
  }
  post_run();
  return true;
}

void Fanout::begin(std::int32_t partition, std::int64_t offset) {
  const std::scoped_lock lock(mutex_);
  advance(partition, offset);
}

cluster::Offsets Fanout::position() const {
  const std::scoped_lock lock(mutex_);
  return position_;
}

void Fanout::advance(std::int32_t partition, std::int64_t next) {
  if (partition >= 0) cluster::set_offset(position_, partition, next);
}

void Fanout::post_run() {
  boost::asio::post(worker_.io(), [this] { run(); });
}

void Fanout::run() {
  if (due_.empty()) take_messages();
  flush_some();
  if (!due_.empty() || !rest()) post_run();
}

void Fanout::take_messages() {
  std::size_t matches = 0;
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < messages_per_turn_ && matches < kMatchesPerTurn; ++i) {
    const downlink::MessagePtr message =
        pop(i == 0 ? std::numeric_limits<std::size_t>::max() : bytes_per_turn_ - bytes);
    if (!message) return;
    bytes += std::min(message->bytes(), bytes_per_turn_ - bytes);
    matches += deliver(message);
  }
}

void Fanout::flush_some() {
  for (std::size_t i = 0; i < kFlushesPerTurn && !due_.empty(); ++i) {
    const session::Handle handle = due_.back();
    due_.pop_back();
    if (Connection* connection = worker_.find(handle)) connection->on_downlink();
  }
}

downlink::MessagePtr Fanout::pop(std::size_t room) {
  const std::scoped_lock lock(mutex_);
  if (inbox_.empty() || inbox_.front()->bytes() > room) return nullptr;
  downlink::MessagePtr message = std::move(inbox_.front());
  inbox_.pop_front();
  inbox_bytes_ -= message->bytes();
  advance(message->partition, message->offset + 1);  // this thread delivers it before it asks
  return message;
}

bool Fanout::rest() {
  const std::scoped_lock lock(mutex_);
  if (inbox_.empty()) running_ = false;
  return inbox_.empty();
}

std::size_t Fanout::deliver(const downlink::MessagePtr& message) {
  ProxyRuntime* proxy = worker_.proxy(message->proxy);
  if (proxy == nullptr) return 0;
  const session::DeliveryPtr delivery(new session::Delivery(message, message->topic, message->payload, message->qos,
                                                            {message->partition, message->offset}));
  // [MQTT-4.5.0-1]
  const std::size_t matches = proxy->registry.deliver(
      delivery, message->topic, [this](session::Handle connection) { due_.push_back(connection); });
  worker_.counters().events[Event::DownlinkMatches].add(matches);
  return matches;
}

Fanout::Depth Fanout::depth() const {
  const std::scoped_lock lock(mutex_);
  return {inbox_.size(), inbox_bytes_};
}

}  // namespace mqttproxy::net
