// limits.maxMemory: what this process has, and whether that is too much.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace mqttproxy::net {

class MemoryGuard {
 public:
  /// 0: no limit.
  explicit MemoryGuard(std::uint64_t limit) : limit_(limit) {}

  /// Reads how much there is; one thread, now and then. Memory that is free and only kept by the allocator is given
  /// back before it is called too much, at most once a second.
  void look(std::chrono::steady_clock::time_point now);
  /// Above the limit at the last look, and until it was below 95 % of it. Any thread.
  [[nodiscard]] bool full() const noexcept { return full_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t limit() const noexcept { return limit_.load(std::memory_order_relaxed); }
  /// Another one, from the next look on.
  void set_limit(std::uint64_t limit) noexcept { limit_.store(limit, std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> limit_;
  std::chrono::steady_clock::time_point next_trim_{};
  std::atomic<std::uint64_t> bytes_{0};
  std::atomic<bool> full_{false};
};

}  // namespace mqttproxy::net
