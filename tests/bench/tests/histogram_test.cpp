#include "load/histogram.hpp"

#include <gtest/gtest.h>

namespace mqttproxy::bench {
namespace {

TEST(Histogram, IsZeroWhenEmpty) {
  const Histogram histogram;
  EXPECT_EQ(histogram.count(), 0u);
  EXPECT_EQ(histogram.percentile(0.5).count(), 0);
  EXPECT_EQ(histogram.max().count(), 0);
}

TEST(Histogram, IsExactForSmallValues) {
  Histogram histogram;
  for (int value = 1; value <= 100; ++value) histogram.record(Nanoseconds{value});
  EXPECT_EQ(histogram.percentile(0.0).count(), 1);
  EXPECT_EQ(histogram.percentile(0.50).count(), 50);
  EXPECT_EQ(histogram.percentile(0.95).count(), 95);
  EXPECT_EQ(histogram.percentile(0.99).count(), 99);
  EXPECT_EQ(histogram.percentile(1.0).count(), 100);
}

TEST(Histogram, NeverUnderstatesAndErrsByLessThanTwoPercent) {
  for (std::int64_t value = 1; value < std::int64_t{1} << 60; value = value * 3 + 1) {
    Histogram histogram;
    histogram.record(Nanoseconds{value});
    histogram.record(Nanoseconds::max());  // so that max() doesn't hide the bucket's edge
    const auto found = histogram.percentile(0.5).count();
    EXPECT_GE(found, value);
    EXPECT_LE(static_cast<double>(found), static_cast<double>(value) * 1.02) << value;
  }
}

TEST(Histogram, ReportsNoMoreThanTheExactMaximum) {
  Histogram histogram;
  histogram.record(Nanoseconds{1'000'001});
  EXPECT_EQ(histogram.percentile(0.5).count(), 1'000'001);
  EXPECT_EQ(histogram.max().count(), 1'000'001);
}

TEST(Histogram, CountsNegativeAsZeroAndTakesTheLargestValue) {
  Histogram histogram;
  histogram.record(Nanoseconds{-5});
  EXPECT_EQ(histogram.percentile(1.0).count(), 0);
  histogram.record(Nanoseconds::max());
  EXPECT_EQ(histogram.percentile(1.0), Nanoseconds::max());
}

}  // namespace
}  // namespace mqttproxy::bench
