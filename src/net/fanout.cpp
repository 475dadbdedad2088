#include "fanout.hpp"

#include <boost/asio/post.hpp>

#include "worker.hpp"

namespace mqttproxy::net {

namespace {

/// One turn ends here, so that sockets are served between the turns of a long fan-out. Within a turn every connection
/// is written to once, however many messages it gets.
constexpr std::size_t kMessagesPerTurn = 64;
constexpr std::size_t kMatchesPerTurn = 16'384;

std::size_t bytes_of(const downlink::Message& message) noexcept {
  return sizeof message + message.topic.size() + message.payload.size();
}

}  // namespace

bool Fanout::push(const downlink::MessagePtr& message) {
  {
    const std::scoped_lock lock(mutex_);
    const std::size_t bytes = bytes_of(*message);
    const bool full =
        inbox_.size() >= limits_.queue_messages || (!inbox_.empty() && inbox_bytes_ + bytes > limits_.queue_bytes);
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

void Fanout::post_run() {
  boost::asio::post(worker_.io(), [this] { run(); });
}

downlink::MessagePtr Fanout::pop() {
  const std::scoped_lock lock(mutex_);
  if (inbox_.empty()) {
    running_ = false;
    return nullptr;
  }
  downlink::MessagePtr message = std::move(inbox_.front());
  inbox_.pop_front();
  inbox_bytes_ -= bytes_of(*message);
  return message;
}

void Fanout::run() {
  bool more = true;
  std::size_t matches = 0;
  for (std::size_t i = 0; i < kMessagesPerTurn && matches < kMatchesPerTurn; ++i) {
    const downlink::MessagePtr message = pop();
    more = message != nullptr;
    if (!more) break;
    matches += deliver(message);
  }
  for (const session::Handle handle : due_) {
    if (Connection* connection = worker_.find(handle)) connection->on_downlink();
  }
  due_.clear();
  if (more) post_run();
}

std::size_t Fanout::deliver(const downlink::MessagePtr& message) {
  ProxyRuntime* proxy = worker_.proxy(message->proxy);
  if (proxy == nullptr) return 0;
  const session::DeliveryPtr delivery(new session::Delivery(message, message->topic, message->payload, message->qos));
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
