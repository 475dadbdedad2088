#include "mqttproxy/util/task_pool.hpp"

#include <utility>

#include <pthread.h>

namespace mqttproxy::util {

TaskPool::TaskPool(std::string name, unsigned threads, std::size_t max_waiting)
    : name_(std::move(name)), max_threads_(threads), max_waiting_(max_waiting) {}

TaskPool::~TaskPool() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
    tasks_.clear();
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

bool TaskPool::submit(std::function<void()> task) {
  {
    const std::scoped_lock lock(mutex_);
    if (tasks_.size() >= max_waiting_) {
      ++refused_;
      return false;
    }
    tasks_.push_back(std::move(task));
    if (idle_ < tasks_.size() && threads_.size() < max_threads_) {
      threads_.emplace_back([this] { work(); });
    }
  }
  changed_.notify_one();
  return true;
}

void TaskPool::set_max_waiting(std::size_t max_waiting) {
  const std::scoped_lock lock(mutex_);
  max_waiting_ = max_waiting;
}

std::size_t TaskPool::waiting() const {
  const std::scoped_lock lock(mutex_);
  return tasks_.size();
}

std::uint64_t TaskPool::refused() const {
  const std::scoped_lock lock(mutex_);
  return refused_;
}

void TaskPool::work() {
  ::pthread_setname_np(::pthread_self(), name_.c_str());
  std::unique_lock lock(mutex_);
  for (;;) {
    ++idle_;
    changed_.wait(lock, [this] { return stopping_ || !tasks_.empty(); });
    --idle_;
    if (stopping_) return;
    const std::function<void()> task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    task();
    lock.lock();
  }
}

}  // namespace mqttproxy::util
