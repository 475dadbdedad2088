// One publish, many deliveries: subscribers of one topic, and publishers that go on when everybody has the message.
#pragma once

#include <cstdint>
#include <optional>

#include "load/histogram.hpp"
#include "load/options.hpp"
#include "load/process.hpp"

namespace mqttproxy::bench {

struct FanoutResult {
  std::uint64_t messages = 0;
  std::uint64_t deliveries = 0;
  Nanoseconds elapsed{0};
  Histogram latency;         // publish to delivery, each one
  Histogram answer_latency;  // publish to HTTP answer or PUBACK; empty for MQTT at QoS 0
  std::optional<CpuTime> server_cpu;
  CpuTime own_cpu;
};

/// options.connections subscribers, options.concurrency publishers with one message under way each: the next one goes
/// out when the answer and all deliveries have come and been acknowledged. Warms up, measures; the server's CPU time
/// belongs to exactly `messages`. Throws LoadError: a message is missing, comes twice, or with another topic, QoS or
/// size; a publish is refused.
[[nodiscard]] FanoutResult run_fanout(const Options& options);

}  // namespace mqttproxy::bench
