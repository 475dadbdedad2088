// Publishing as fast as acknowledgements come, or at a given rate.
#pragma once

#include <cstdint>
#include <optional>

#include "load/histogram.hpp"
#include "load/options.hpp"
#include "load/process.hpp"

namespace mqttproxy::bench {

struct UplinkResult {
  std::uint64_t messages = 0;
  Nanoseconds elapsed{0};  // first PUBLISH to last acknowledgement
  Histogram latency;       // to PUBACK or PUBCOMP; empty at QoS 0
  std::optional<CpuTime> server_cpu;
  std::optional<std::uint64_t> server_resident_bytes;
  CpuTime own_cpu;
};

/// Connects, warms up, waits until everything is acknowledged, measures, waits again. So the server's CPU time
/// belongs to exactly `messages` messages. Throws LoadError.
[[nodiscard]] UplinkResult run_uplink(const Options& options);

}  // namespace mqttproxy::bench
