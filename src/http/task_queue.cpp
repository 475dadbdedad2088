#include "task_queue.hpp"

#include <system_error>
#include <utility>

#include <pthread.h>

#include "mqttproxy/util/log.hpp"

namespace mqttproxy::http {

namespace {

constexpr std::size_t kMaxWaiting = 64;

}  // namespace

void TaskQueue::enqueue(std::function<void()> job) {
  std::unique_lock lock(mutex_);
  room_.wait(lock, [this] { return jobs_.size() < kMaxWaiting; });
  jobs_.push_back(std::move(job));
  if (idle_threads_ < jobs_.size() && threads_.size() < max_threads_) add_thread();
  work_.notify_one();
}

void TaskQueue::add_thread() {
  threads_.emplace_front();
  try {
    // The thread's first act is to take the lock, so it finds its own handle assigned.
    threads_.front() = std::thread([this, self = threads_.begin()] { work(self); });
  } catch (const std::system_error& error) {
    threads_.pop_front();
    spdlog::error("api thread not started error=\"{}\": the connection waits for another one", error.what());
  }
}

void TaskQueue::shutdown() {
  std::unique_lock lock(mutex_);
  stopping_ = true;
  work_.notify_all();
  work_.wait(lock, [this] { return threads_.empty(); });
  join(std::exchange(ended_, {}));
}

void TaskQueue::work(Threads::iterator self) {
  ::pthread_setname_np(::pthread_self(), "http");
  std::unique_lock lock(mutex_);
  std::function<void()> job;
  while (next(lock, job)) {
    lock.unlock();
    room_.notify_one();
    job();
    job = nullptr;
    lock.lock();
  }
  // Each joins those that ended before it, so that at most one waits to be joined.
  Threads ended = std::exchange(ended_, {});
  ended_.splice(ended_.begin(), threads_, self);
  work_.notify_all();
  lock.unlock();
  join(std::move(ended));
}

/// False: nothing came, or nothing comes any more.
bool TaskQueue::next(std::unique_lock<std::mutex>& lock, std::function<void()>& job) {
  ++idle_threads_;
  (void)work_.wait_for(lock, idle_, [this] { return stopping_ || !jobs_.empty(); });
  --idle_threads_;
  if (jobs_.empty()) return false;
  job = std::move(jobs_.front());
  jobs_.pop_front();
  return true;
}

void TaskQueue::join(Threads ended) {
  for (std::thread& thread : ended) thread.join();
}

}  // namespace mqttproxy::http
