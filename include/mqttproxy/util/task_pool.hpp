// A few threads for work that is too slow for a worker: password hashing.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace mqttproxy::util {

/// A bounded queue in front of a fixed number of threads. Thread: submit() from any.
class TaskPool {
 public:
  /// `name`: of the threads, at most 15 bytes. Threads start with the first task.
  TaskPool(std::string name, unsigned threads, std::size_t max_waiting);
  /// Lets running tasks finish and drops the waiting ones.
  ~TaskPool();
  TaskPool(const TaskPool&) = delete;
  TaskPool& operator=(const TaskPool&) = delete;

  /// False when `max_waiting` tasks wait already: nothing is taken.
  [[nodiscard]] bool submit(std::function<void()> task);

  /// Another limit from now on; what waits already stays. Any thread.
  void set_max_waiting(std::size_t max_waiting);
  [[nodiscard]] std::size_t waiting() const;
  [[nodiscard]] std::uint64_t refused() const;

 private:
  void work();

  const std::string name_;
  const unsigned max_threads_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> tasks_;
  std::vector<std::thread> threads_;
  std::size_t max_waiting_;
  std::uint64_t refused_ = 0;
  std::size_t idle_ = 0;
  bool stopping_ = false;
};

}  // namespace mqttproxy::util
