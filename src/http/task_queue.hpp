// A thread per open HTTP connection, up to a ceiling. cpp-httplib holds a thread for as long as a keep-alive connection
// is open, so its fixed pool of eight would serve eight clients and starve the rest.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include <httplib.h>

namespace mqttproxy::http {

/// Threads are made when nobody is idle and kept for reuse. Beyond `max_threads` jobs wait in line.
class TaskQueue final : public httplib::TaskQueue {
 public:
  explicit TaskQueue(std::size_t max_threads) : max_threads_(max_threads) {}

  void enqueue(std::function<void()> job) override;
  void shutdown() override;

 private:
  void work();

  const std::size_t max_threads_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> jobs_;
  std::vector<std::thread> threads_;
  std::size_t idle_ = 0;
  bool stopping_ = false;
};

}  // namespace mqttproxy::http
