#include "mqttproxy/util/rate_limit.hpp"

#include <gtest/gtest.h>

namespace mqttproxy::util {
namespace {

using namespace std::chrono_literals;

class RateLimitTest : public ::testing::Test {
 protected:
  RateLimit limit;
  RateLimit::Clock::time_point now{1'000h};

  int taken(const Rate& rate, std::uint64_t bytes, int tries) {
    int count = 0;
    for (int i = 0; i < tries; ++i) count += limit.take(rate, bytes, now) ? 1 : 0;
    return count;
  }
};

TEST_F(RateLimitTest, without_a_limit_everything_goes) {
  EXPECT_FALSE(Rate{}.limited());
  EXPECT_EQ(taken({}, 1'000'000'000, 1'000), 1'000);
}

TEST_F(RateLimitTest, requests_of_a_period_go_at_once_and_no_more) {
  EXPECT_EQ(taken({10, 0, 60s}, 1'000'000, 20), 10);
}

TEST_F(RateLimitTest, bytes_of_a_period_go_at_once_and_no_more) {
  EXPECT_EQ(taken({0, 100, 60s}, 10, 20), 10);
}

TEST_F(RateLimitTest, the_smaller_of_two_limits_holds) {
  EXPECT_EQ(taken({5, 100, 60s}, 10, 20), 5);
  now += 60s;
  EXPECT_EQ(taken({50, 100, 60s}, 10, 20), 10);
}

TEST_F(RateLimitTest, what_is_refused_costs_nothing) {
  const Rate rate{10, 100, 1s};
  EXPECT_TRUE(limit.take(rate, 100, now));
  EXPECT_EQ(taken(rate, 1, 100), 0);
  now += 1s;
  EXPECT_EQ(taken(rate, 10, 20), 10);
}

TEST_F(RateLimitTest, room_comes_back_evenly) {
  const Rate rate{10, 0, 1s};
  EXPECT_EQ(taken(rate, 1, 20), 10);
  now += 99ms;
  EXPECT_EQ(taken(rate, 1, 20), 0);
  now += 1ms;
  EXPECT_EQ(taken(rate, 1, 20), 1);
  now += 500ms;
  EXPECT_EQ(taken(rate, 1, 20), 5);
  now += 24h;
  EXPECT_EQ(taken(rate, 1, 20), 10) << "a pause is worth no more than one period";
}

TEST_F(RateLimitTest, room_that_does_not_divide_evenly_comes_back_whole) {
  const Rate rate{7, 0, 1s};
  for (int period = 0; period < 1'000; ++period, now += 1s) ASSERT_EQ(taken(rate, 1, 20), 7) << period;
}

TEST_F(RateLimitTest, one_larger_than_a_period_goes_and_is_paid_off) {
  const Rate rate{0, 100, 1s};
  EXPECT_TRUE(limit.take(rate, 250, now));
  now += 1'509ms;
  EXPECT_FALSE(limit.take(rate, 1, now));
  now += 1ms;
  EXPECT_TRUE(limit.take(rate, 1, now)) << "but for 99 bytes it is paid off";
  EXPECT_FALSE(limit.take(rate, 250, now)) << "it needs all the room there can be";
  now += 1s;
  EXPECT_TRUE(limit.take(rate, 250, now));
}

TEST_F(RateLimitTest, debts_end_within_a_day_or_the_period) {
  EXPECT_TRUE(limit.take({0, 1, 1s}, 268'435'455, now));
  now += 24h;
  EXPECT_TRUE(limit.take({0, 1, 1s}, 1, now));
  now += 48h;
  const Rate yearly{1, 0, std::chrono::seconds(std::chrono::hours(24 * 365))};
  EXPECT_EQ(taken(yearly, 1, 2), 1);
  now += 100 * 24h;
  EXPECT_EQ(taken(yearly, 1, 2), 0);
}

}  // namespace
}  // namespace mqttproxy::util
