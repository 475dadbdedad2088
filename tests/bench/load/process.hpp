// What a process has cost: CPU time and memory from /proc, before and after.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include <sys/types.h>

namespace mqttproxy::bench {

struct CpuTime {
  std::chrono::microseconds user{0};
  std::chrono::microseconds system{0};

  [[nodiscard]] std::chrono::microseconds total() const { return user + system; }
  friend CpuTime operator-(CpuTime a, CpuTime b) { return {a.user - b.user, a.system - b.system}; }
};

/// All threads of `pid`, ended ones included, from /proc/PID/stat: steps of one clock tick (10 ms).
/// Throws LoadError when there is no such process.
[[nodiscard]] CpuTime cpu_time_of(pid_t pid);
/// This process, with the kernel's full resolution.
[[nodiscard]] CpuTime own_cpu_time();
/// Resident memory of `pid` in bytes. smaps_rollup is exact; VmRSS (in batches per thread) where it is forbidden.
[[nodiscard]] std::uint64_t resident_bytes_of(pid_t pid);

/// The server under load; without a pid everything it measures is absent.
class ServerProbe {
 public:
  explicit ServerProbe(std::optional<pid_t> pid) : pid_(pid) {}

  [[nodiscard]] std::optional<CpuTime> cpu() const;
  [[nodiscard]] std::optional<std::uint64_t> resident_bytes() const;

 private:
  std::optional<pid_t> pid_;
};

}  // namespace mqttproxy::bench
