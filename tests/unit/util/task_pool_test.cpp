#include "mqttproxy/util/task_pool.hpp"

#include <atomic>
#include <future>
#include <latch>

#include <gtest/gtest.h>

namespace mqttproxy::util {
namespace {

TEST(TaskPool, RunsEveryTaskItTook) {
  std::atomic<int> ran{0};
  std::latch done(100);
  TaskPool pool("test", 3, 100);
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(pool.submit([&] {
      ++ran;
      done.count_down();
    }));
  }
  done.wait();
  EXPECT_EQ(ran.load(), 100);
  EXPECT_EQ(pool.refused(), 0U);
}

TEST(TaskPool, RefusesBeyondItsBoundAndCountsIt) {
  std::promise<void> started;
  std::promise<void> release;
  TaskPool pool("test", 1, 2);
  ASSERT_TRUE(pool.submit([&] {
    started.set_value();
    release.get_future().wait();
  }));
  started.get_future().wait();
  EXPECT_TRUE(pool.submit([] {}));
  EXPECT_TRUE(pool.submit([] {}));
  EXPECT_EQ(pool.waiting(), 2U);
  EXPECT_FALSE(pool.submit([] {}));
  EXPECT_EQ(pool.refused(), 1U);
  release.set_value();
}

TEST(TaskPool, ItsEndDropsWhatWaits) {
  std::promise<void> started;
  std::promise<void> release;
  std::atomic<bool> ran{false};
  std::thread unblock;
  {
    TaskPool pool("test", 1, 10);
    ASSERT_TRUE(pool.submit([&] {
      started.set_value();
      release.get_future().wait();
    }));
    started.get_future().wait();
    ASSERT_TRUE(pool.submit([&] { ran = true; }));
    unblock = std::thread([&] {
      while (pool.waiting() != 0) std::this_thread::yield();  // the destructor has begun
      release.set_value();
    });
  }
  unblock.join();
  EXPECT_FALSE(ran.load());
}

}  // namespace
}  // namespace mqttproxy::util
