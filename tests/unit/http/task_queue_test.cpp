#include "http/task_queue.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <latch>
#include <optional>
#include <set>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace mqttproxy::http {
namespace {

using std::chrono::milliseconds;
constexpr milliseconds kNever = std::chrono::hours(1);

/// Jobs that all wait until the gate opens.
class Gate {
 public:
  explicit Gate(std::ptrdiff_t jobs) : running_(jobs) {}
  std::function<void()> job() {
    return [this] {
      running_.count_down();
      open_.wait();
    };
  }
  void wait_running() { running_.wait(); }
  void open() { open_.count_down(); }

 private:
  std::latch running_;
  std::latch open_{1};
};

TEST(TaskQueueTest, EveryJobRunsAtOnceUpToTheCeiling) {
  TaskQueue queue(20, kNever);
  Gate gate(20);
  for (int i = 0; i < 20; ++i) queue.enqueue(gate.job());
  gate.wait_running();
  gate.open();
  queue.shutdown();
}

TEST(TaskQueueTest, BeyondTheCeilingJobsWaitInTheirOrder) {
  TaskQueue queue(1, kNever);
  Gate gate(1);
  queue.enqueue(gate.job());
  gate.wait_running();
  std::vector<int> order;
  for (int i = 0; i < 50; ++i) queue.enqueue([&order, i] { order.push_back(i); });
  gate.open();
  queue.shutdown();  // runs what waits
  ASSERT_EQ(order.size(), 50U);
  EXPECT_TRUE(std::ranges::is_sorted(order));
}

TEST(TaskQueueTest, BeyondTheLineTheCallerWaits) {
  TaskQueue queue(1, kNever);
  Gate gate(1);
  queue.enqueue(gate.job());
  gate.wait_running();
  std::atomic<int> enqueued{0};
  std::atomic<int> run{0};
  std::thread caller([&] {
    for (int i = 0; i < 500; ++i) {
      queue.enqueue([&run] { ++run; });
      ++enqueued;
    }
  });
  while (enqueued < 64) std::this_thread::yield();
  EXPECT_EQ(run, 0);
  gate.open();
  caller.join();
  queue.shutdown();
  EXPECT_EQ(run, 500);
}

TEST(TaskQueueTest, AnIdleThreadIsUsedAgain) {
  TaskQueue queue(100, kNever);
  std::set<std::thread::id> threads;
  for (int i = 0; i < 100; ++i) {
    std::latch done(1);
    queue.enqueue([&] {
      threads.insert(std::this_thread::get_id());
      done.count_down();
    });
    done.wait();
  }
  queue.shutdown();
  // A job may come before the thread of the last one is idle again: some more than one, but far from one per job.
  EXPECT_LT(threads.size(), 50U);
}

/// Counts the ends of the threads that touch it.
class EndCounter {
 public:
  explicit EndCounter(std::atomic<int>& ends) : ends_(ends) {}
  ~EndCounter() { ++ends_; }
  EndCounter(const EndCounter&) = delete;
  EndCounter& operator=(const EndCounter&) = delete;

 private:
  std::atomic<int>& ends_;
};

TEST(TaskQueueTest, ThreadsOfABurstEndAndOthersTakeTheirPlace) {
  std::atomic<int> ends{0};
  TaskQueue queue(20, milliseconds(20));
  Gate gate(20);
  for (int i = 0; i < 20; ++i) {
    queue.enqueue([&ends, wait = gate.job()] {
      static thread_local std::optional<EndCounter> counter;
      counter.emplace(ends);
      wait();
    });
  }
  gate.wait_running();
  gate.open();
  while (ends < 20) std::this_thread::yield();  // they end by themselves
  std::latch done(1);
  queue.enqueue([&done] { done.count_down(); });
  done.wait();
  queue.shutdown();
}

}  // namespace
}  // namespace mqttproxy::http
