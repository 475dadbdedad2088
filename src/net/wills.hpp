// Will messages on their way through the Publish pipeline. The connection they belong to is gone; a will that meets a
// full producer queue waits here, bounded, and is not lost.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "mqttproxy/session/core.hpp"

#include "shared.hpp"

namespace mqttproxy::net {

class Worker;

/// A will with all its pipeline needs to know about the client that left it.
struct Will {
  ProxyRuntime* proxy = nullptr;
  std::string client_id;
  std::optional<std::string> username;
  std::string address;
  session::StoredWill message;
  session::Handle publication;
  pipeline::Context::Memory memory;
  PipelinePtr pipeline;  // of a run that waits
};

/// One per worker, its thread.
class Wills {
 public:
  explicit Wills(Worker& worker) : worker_(worker) {}

  /// Runs the will through the Publish pipeline, or queues it when there is no room. Beyond limits.maxWaitingWills it
  /// is dropped and counted.
  void publish(Will will);
  /// There is room again.
  void retry();

 private:
  /// False: blocked; the will keeps what it needs to run again.
  bool run(Will& will);
  void finish(const Will& will, const pipeline::Context& context);

  Worker& worker_;
  std::deque<Will> waiting_;
};

}  // namespace mqttproxy::net
