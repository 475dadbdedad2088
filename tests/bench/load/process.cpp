#include "load/process.hpp"

#include <fstream>
#include <sstream>
#include <string>

#include <sys/resource.h>
#include <unistd.h>

#include "load/error.hpp"

namespace mqttproxy::bench {
namespace {

std::string proc_path(pid_t pid, const char* file) {
  return "/proc/" + std::to_string(pid) + "/" + file;
}

/// The number of KiB behind `key` ("Rss:") in a file of "key value kB" lines.
std::optional<std::uint64_t> kib_field(const std::string& path, const std::string& key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(key)) continue;
    std::uint64_t kib = 0;
    if (std::istringstream(line.substr(key.size())) >> kib) return kib;
  }
  return std::nullopt;
}

std::chrono::microseconds to_microseconds(const timeval& time) {
  return std::chrono::seconds{time.tv_sec} + std::chrono::microseconds{time.tv_usec};
}

}  // namespace

CpuTime cpu_time_of(pid_t pid) {
  std::ifstream file(proc_path(pid, "stat"));
  std::string line;
  if (!std::getline(file, line)) throw LoadError("no process with pid " + std::to_string(pid));
  // The second field is the program's name in brackets and may hold anything: count behind the last bracket.
  std::istringstream fields(line.substr(line.rfind(')') + 1));
  std::string skipped;
  for (int field = 3; field < 14; ++field) fields >> skipped;
  std::int64_t user_ticks = 0;
  std::int64_t system_ticks = 0;
  if (!(fields >> user_ticks >> system_ticks)) throw LoadError("cannot read " + proc_path(pid, "stat"));
  const std::int64_t tick_us = 1'000'000 / ::sysconf(_SC_CLK_TCK);
  return {std::chrono::microseconds{user_ticks * tick_us}, std::chrono::microseconds{system_ticks * tick_us}};
}

CpuTime own_cpu_time() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return {to_microseconds(usage.ru_utime), to_microseconds(usage.ru_stime)};
}

std::uint64_t resident_bytes_of(pid_t pid) {
  auto kib = kib_field(proc_path(pid, "smaps_rollup"), "Rss:");
  if (!kib) kib = kib_field(proc_path(pid, "status"), "VmRSS:");
  if (!kib) throw LoadError("cannot read the memory of pid " + std::to_string(pid));
  return *kib * 1024;
}

std::optional<CpuTime> ServerProbe::cpu() const {
  if (!pid_) return std::nullopt;
  return cpu_time_of(*pid_);
}

std::optional<std::uint64_t> ServerProbe::resident_bytes() const {
  if (!pid_) return std::nullopt;
  return resident_bytes_of(*pid_);
}

}  // namespace mqttproxy::bench
