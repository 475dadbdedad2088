// The way of a message from whoever publishes it to every worker that may have subscribers.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "mqttproxy/downlink/message.hpp"

namespace mqttproxy::downlink {

/// A worker as the bus sees it. Implemented by net.
class WorkerPort {
 public:
  virtual ~WorkerPort() = default;
  /// Queues the message behind those given before. False: the worker's inbox is full, nothing was taken. Any thread,
  /// never blocks.
  [[nodiscard]] virtual bool deliver(const MessagePtr& message) = 0;
  /// Messages of this partition of the downlink topic will come from this offset on. Before its first message; any
  /// thread.
  virtual void begin(std::int32_t partition, std::int64_t offset) { (void)partition, (void)offset; }
  /// Every partition there is has begun.
  virtual void started() {}
};

struct PublishResult {
  std::size_t accepted = 0;      // how many, from the front
  std::string_view reason = {};  // why the next one was not; a literal, empty when all were
};

class Bus {
 public:
  virtual ~Bus() = default;
  /// Publishes in order. Returns when every message has been accepted or the first has not. A message that was not may
  /// all the same have reached some subscribers: publishing it again is safe (at least once). Any thread; may block,
  /// but not without bound.
  virtual PublishResult publish(std::vector<Message> messages) = 0;
  /// Why messages do not get through; empty when they do. Any thread.
  [[nodiscard]] virtual std::string reason_not_ready() const { return {}; }
  /// Hands nothing to workers any more; publish() under way and later ones return, within `timeout`. Main, once.
  virtual void stop(std::chrono::milliseconds /*timeout*/) {}
};

/// One node, in memory: accepted means handed to every worker.
[[nodiscard]] std::unique_ptr<Bus> make_local_bus(std::vector<WorkerPort*> workers);

}  // namespace mqttproxy::downlink
