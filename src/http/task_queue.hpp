// A thread per open HTTP connection, up to a ceiling. cpp-httplib holds a thread for as long as a keep-alive connection
// is open, so its fixed pool of eight would serve eight clients and starve the rest.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <list>
#include <mutex>
#include <thread>

#include <httplib.h>

namespace mqttproxy::http {

/// A job without an idle thread gets a new one. At `max_threads` a few jobs wait in line, then enqueue() blocks. A
/// thread without a job for `idle` ends.
class TaskQueue final : public httplib::TaskQueue {
 public:
  TaskQueue(std::size_t max_threads, std::chrono::milliseconds idle) : max_threads_(max_threads), idle_(idle) {}

  void enqueue(std::function<void()> job) override;
  /// Runs what waits and ends every thread.
  void shutdown() override;

 private:
  using Threads = std::list<std::thread>;
  void add_thread();
  void work(Threads::iterator self);
  [[nodiscard]] bool next(std::unique_lock<std::mutex>& lock, std::function<void()>& job);
  static void join(Threads ended);

  const std::size_t max_threads_;
  const std::chrono::milliseconds idle_;
  std::mutex mutex_;
  std::condition_variable work_;  // there is a job, or an end
  std::condition_variable room_;  // the line got shorter
  std::deque<std::function<void()>> jobs_;
  Threads threads_;
  Threads ended_;  // to be joined; at most one
  std::size_t idle_threads_ = 0;
  bool stopping_ = false;
};

}  // namespace mqttproxy::http
