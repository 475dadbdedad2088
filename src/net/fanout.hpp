// Messages to devices, on one worker: taken from any thread, handed to the sessions that subscribed on the worker's
// own.
#pragma once

#include <cstddef>
#include <deque>
#include <mutex>
#include <vector>

#include "mqttproxy/cluster/session_store.hpp"
#include "mqttproxy/config/config.hpp"
#include "mqttproxy/downlink/bus.hpp"
#include "mqttproxy/metrics/metrics.hpp"
#include "mqttproxy/session/slab.hpp"

namespace mqttproxy::net {

class Worker;

class Fanout {
 public:
  Fanout(Worker& worker, const config::NodeConfig& node);

  /// Of sessions; how much the inbox takes stays as it is. The worker's thread.
  void set_limits(const config::NodeConfig& node) noexcept;

  /// False: the inbox is full. Any thread.
  [[nodiscard]] bool push(const downlink::MessagePtr& message);
  /// Messages of this partition will come from this offset on. Any thread.
  void begin(std::int32_t partition, std::int64_t offset);
  /// How far this worker is: messages before it are with the sessions that had subscribed, those from it on will be
  /// matched against the filters there are now. The worker's thread.
  [[nodiscard]] cluster::Offsets position() const;

  struct Depth {
    std::size_t messages = 0;
    std::size_t bytes = 0;
  };
  /// Any thread.
  [[nodiscard]] Depth depth() const;
  [[nodiscard]] std::uint64_t refused() const noexcept { return refused_.get(); }

 private:
  void run();
  void take_messages();
  void flush_some();
  void advance(std::int32_t partition, std::int64_t next);
  /// nullptr: there is none, or it counts for more than `room` bytes.
  [[nodiscard]] downlink::MessagePtr pop(std::size_t room);
  /// True when the inbox is empty: the next push() starts the next run().
  [[nodiscard]] bool rest();
  [[nodiscard]] std::size_t deliver(const downlink::MessagePtr& message);
  void post_run();

  Worker& worker_;
  const std::size_t max_messages_;
  const std::size_t max_bytes_;
  // What an outbox that was empty takes of one turn, so that nothing is dropped before the client had a chance.
  std::size_t messages_per_turn_ = 0;
  std::size_t bytes_per_turn_ = 0;
  metrics::SharedCounter refused_;

  mutable std::mutex mutex_;  // held for a push or a pop, once per message
  std::deque<downlink::MessagePtr> inbox_;
  std::size_t inbox_bytes_ = 0;
  bool running_ = false;  // run() is posted or under way
  cluster::Offsets position_;

  std::vector<session::Handle> due_;  // connections to flush before the next messages are taken
};

}  // namespace mqttproxy::net
