// Messages to devices, on one worker: taken from any thread, handed to the sessions that subscribed on the worker's
// own.
#pragma once

#include <cstddef>
#include <deque>
#include <mutex>
#include <vector>

#include "mqttproxy/config/config.hpp"
#include "mqttproxy/downlink/bus.hpp"
#include "mqttproxy/metrics/metrics.hpp"
#include "mqttproxy/session/slab.hpp"

namespace mqttproxy::net {

class Worker;

class Fanout {
 public:
  /// The limits must outlive it.
  Fanout(Worker& worker, const config::DownlinkConfig& limits) : worker_(worker), limits_(limits) {}

  /// False: the inbox is full. Any thread.
  [[nodiscard]] bool push(const downlink::MessagePtr& message);

  struct Depth {
    std::size_t messages = 0;
    std::size_t bytes = 0;
  };
  /// Any thread.
  [[nodiscard]] Depth depth() const;
  [[nodiscard]] std::uint64_t refused() const noexcept { return refused_.get(); }

 private:
  void run();
  [[nodiscard]] downlink::MessagePtr pop();
  [[nodiscard]] std::size_t deliver(const downlink::MessagePtr& message);
  void post_run();

  Worker& worker_;
  const config::DownlinkConfig& limits_;
  metrics::SharedCounter refused_;

  mutable std::mutex mutex_;  // held for a push or a pop, once per message
  std::deque<downlink::MessagePtr> inbox_;
  std::size_t inbox_bytes_ = 0;
  bool running_ = false;  // run() is posted or under way

  std::vector<session::Handle> due_;  // connections to flush after this slice
};

}  // namespace mqttproxy::net
