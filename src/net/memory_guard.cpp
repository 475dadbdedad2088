#include "memory_guard.hpp"

#include <fstream>

#ifdef MQTTPROXY_JEMALLOC
#include <jemalloc/jemalloc.h>
#else
#include <malloc.h>
#endif
#include <unistd.h>

#include "mqttproxy/util/log.hpp"

namespace mqttproxy::net {

namespace {

constexpr std::chrono::seconds kTrimInterval{1};

/// Resident bytes of this process; 0 when /proc is not there.
std::uint64_t resident_bytes() {
  std::uint64_t size = 0;
  std::uint64_t resident = 0;
  std::ifstream("/proc/self/statm") >> size >> resident;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

/// What the allocator only keeps goes back to the kernel.
void purge() {
#ifdef MQTTPROXY_JEMALLOC
  static_assert(MALLCTL_ARENAS_ALL == 4096);
  ::mallctl("arena.4096.purge", nullptr, nullptr, nullptr, 0);
#else
  ::malloc_trim(0);
#endif
}

}  // namespace

void MemoryGuard::look(std::chrono::steady_clock::time_point now) {
  const std::uint64_t limit = this->limit();
  std::uint64_t bytes = resident_bytes();
  if (limit != 0 && bytes > limit && now >= next_trim_) {
    next_trim_ = now + kTrimInterval;
    purge();
    bytes = resident_bytes();
  }
  bytes_.store(bytes, std::memory_order_relaxed);
  const bool was_full = full();
  const bool is_full = limit != 0 && bytes > (was_full ? limit - limit / 20 : limit);
  if (is_full == was_full) return;
  full_.store(is_full, std::memory_order_relaxed);
  if (is_full) {
    spdlog::warn("memory bytes={} is above limits.maxMemory={}: nothing new is taken that would add to it", bytes,
                 limit);
  } else {
    spdlog::info("memory bytes={} is below limits.maxMemory={} again", bytes, limit);
  }
}

}  // namespace mqttproxy::net
