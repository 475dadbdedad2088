// The modes beside uplink: idle connections, connect rate, first acknowledgement.
#pragma once

#include <cstdint>
#include <optional>

#include "load/histogram.hpp"
#include "load/options.hpp"
#include "load/process.hpp"

namespace mqttproxy::bench {

struct IdleResult {
  std::uint64_t connections = 0;
  Nanoseconds connect_elapsed{0};
  std::optional<std::uint64_t> resident_before;
  std::optional<std::uint64_t> resident_after;
  std::optional<CpuTime> hold_cpu;  // of the server, while nothing happened for options.hold
};

/// Opens options.connections, measures memory before and after, then the CPU time of holding them. A server that
/// closes one of them meanwhile is a LoadError.
[[nodiscard]] IdleResult run_idle(const Options& options);

struct ConnectResult {
  std::uint64_t count = 0;
  std::uint64_t resumed = 0;  // of their TLS handshakes
  Nanoseconds elapsed{0};
  Histogram latency;  // connect() to CONNACK
  std::optional<CpuTime> server_cpu;
  CpuTime own_cpu;
};

/// options.count times connect, CONNECT, CONNACK, DISCONNECT, wait for the server's close. Throws LoadError.
[[nodiscard]] ConnectResult run_connect(const Options& options);

struct FirstResult {
  Nanoseconds connected_at{0};     // CLOCK_MONOTONIC
  Nanoseconds acknowledged_at{0};  // the same clock
};

/// Tries to connect every millisecond until the server listens, then publishes one QoS 1 message and waits for its
/// PUBACK. Throws LoadError after options.timeout.
[[nodiscard]] FirstResult run_first(const Options& options);

}  // namespace mqttproxy::bench
