#include "memory_guard.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace mqttproxy::net {
namespace {

using Clock = std::chrono::steady_clock;

/// Memory that is there while this is, whatever the allocator; asked of the kernel itself, since sanitizers add memory
/// of their own to what mmap() gives.
class Pages {
 public:
  explicit Pages(std::size_t bytes)
      : bytes_(bytes),
        memory_(::syscall(SYS_mmap, nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE,
                          -1, 0)) {}
  ~Pages() { ::syscall(SYS_munmap, memory_, bytes_); }
  Pages(const Pages&) = delete;
  Pages& operator=(const Pages&) = delete;

 private:
  std::size_t bytes_;
  long memory_;
};

constexpr std::size_t kMiB = 1U << 20U;

std::uint64_t used_now() {
  MemoryGuard guard(0);
  guard.look(Clock::now());
  return guard.bytes();
}

TEST(MemoryGuard, without_a_limit_it_is_never_full) {
  MemoryGuard guard(0);
  guard.look(Clock::now());
  EXPECT_GT(guard.bytes(), kMiB);
  EXPECT_FALSE(guard.full());
}

TEST(MemoryGuard, is_full_above_the_limit_and_until_well_below) {
  MemoryGuard guard(used_now() + 100 * kMiB);
  guard.look(Clock::now());
  EXPECT_FALSE(guard.full());
  {
    const Pages nearly(98 * kMiB);
    guard.look(Clock::now());
    EXPECT_FALSE(guard.full());
    {
      const Pages beyond(10 * kMiB);
      guard.look(Clock::now());
      EXPECT_TRUE(guard.full());
    }
    guard.look(Clock::now());
    EXPECT_TRUE(guard.full()) << "2 MiB below the limit are less than 5 %";
  }
  guard.look(Clock::now());
  EXPECT_FALSE(guard.full());
}

TEST(MemoryGuard, takes_another_limit_with_the_next_look) {
  MemoryGuard guard(used_now() + 1'000 * kMiB);
  guard.look(Clock::now());
  EXPECT_FALSE(guard.full());
  guard.set_limit(1);
  guard.look(Clock::now());
  EXPECT_TRUE(guard.full());
  guard.set_limit(0);
  guard.look(Clock::now());
  EXPECT_FALSE(guard.full());
}

#ifdef MQTTPROXY_JEMALLOC  // which keeps what is freed for seconds; sanitizers keep it for good
TEST(MemoryGuard, takes_back_what_the_allocator_only_keeps) {
  MemoryGuard guard(used_now() + 10 * kMiB);
  std::vector<std::string> blocks;
  for (int i = 0; i < 1'000; ++i) blocks.emplace_back(100'000, 'x');
  blocks.clear();
  ASSERT_GT(used_now(), guard.limit()) << "freed, and still there";
  guard.look(Clock::now());
  EXPECT_FALSE(guard.full());
  EXPECT_LT(guard.bytes(), guard.limit());
}
#endif

}  // namespace
}  // namespace mqttproxy::net
