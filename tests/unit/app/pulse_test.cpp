#include "pulse.hpp"

#include <gtest/gtest.h>

namespace mqttproxy::app {
namespace {

using namespace std::chrono_literals;

constexpr Pulse::Clock::time_point kStart{};
constexpr auto kPatience = 10s;

TEST(Pulse, nobody_is_silent_at_the_first_question) {
  Pulse pulse(kPatience);
  EXPECT_EQ(pulse.silent_worker({0, 0}, kStart), std::nullopt);
}

TEST(Pulse, a_heartbeat_that_stands_still_is_found_after_the_patience) {
  Pulse pulse(kPatience);
  (void)pulse.silent_worker({1, 1, 1}, kStart);
  EXPECT_EQ(pulse.silent_worker({2, 1, 2}, kStart + 9'999ms), std::nullopt);
  EXPECT_EQ(pulse.silent_worker({3, 1, 3}, kStart + 10s), 1U);
  EXPECT_EQ(pulse.silent_worker({4, 2, 4}, kStart + 11s), std::nullopt) << "it moves again";
}

TEST(Pulse, seldom_questions_accuse_nobody_who_has_moved_between_them) {
  Pulse pulse(kPatience);
  (void)pulse.silent_worker({1, 1}, kStart);
  EXPECT_EQ(pulse.silent_worker({2, 2}, kStart + 1h), std::nullopt);
  EXPECT_EQ(pulse.silent_worker({2, 2}, kStart + 1h + 9s), std::nullopt);
  EXPECT_EQ(pulse.silent_worker({2, 2}, kStart + 1h + 10s), 0U);
}

}  // namespace
}  // namespace mqttproxy::app
