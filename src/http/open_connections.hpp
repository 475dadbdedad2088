// The descriptors of open HTTP connections, to end them: the library has no list of them.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <unordered_set>

namespace mqttproxy::http {

/// Thread: any.
class OpenConnections {
 public:
  /// Returns how many there are with this one.
  std::size_t add(int fd);
  /// Before the descriptor is closed.
  void remove(int fd);
  [[nodiscard]] std::size_t size() const;

  /// Ends the reading of all, now and later, so that each ends after the answer it is about to give; after `patience`
  /// ends the writing as well.
  void close_all(std::chrono::milliseconds patience);
  [[nodiscard]] bool closing() const noexcept { return closing_; }

 private:
  mutable std::mutex mutex_;
  std::condition_variable removed_;
  std::unordered_set<int> fds_;
  std::atomic<bool> closing_{false};
};

}  // namespace mqttproxy::http
