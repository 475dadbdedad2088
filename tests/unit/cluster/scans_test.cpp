#include "cluster/scans.hpp"

#include <algorithm>
#include <map>
#include <random>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mqttproxy::cluster::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

/// Where scans stand.
std::vector<std::int64_t> places(const Scans& scans) {
  std::vector<std::int64_t> all;
  for (std::int64_t at = scans.next(0); at != Scans::kNowhere; at = scans.next(at + 1)) all.push_back(at);
  return all;
}

TEST(Scans, those_that_stand_together_go_on_together) {
  Scans scans;
  for (Scans::JobId job = 0; job < 1'000; ++job) (void)scans.add(job, 10, 5'000 + job);
  EXPECT_THAT(places(scans), ElementsAre(10));
  EXPECT_EQ(scans.reach(10, 11, 0, 100'000), 5'999);
  EXPECT_THAT(scans.advance(10, 522), IsEmpty());
  EXPECT_THAT(places(scans), ElementsAre(522));
  EXPECT_THAT(scans.advance(522, 5'002), UnorderedElementsAre(0, 1, 2));
  EXPECT_THAT(places(scans), ElementsAre(5'002));
  EXPECT_EQ(scans.advance(5'002, 6'000).size(), 997U);
  EXPECT_THAT(places(scans), IsEmpty());
}

TEST(Scans, only_those_are_moved_that_stand_in_what_was_looked_at) {
  Scans scans;
  (void)scans.add(1, 10, 100);
  (void)scans.add(2, 20, 100);
  (void)scans.add(3, 29, 31);
  (void)scans.add(4, 30, 100);
  EXPECT_THAT(scans.advance(20, 30), IsEmpty());
  EXPECT_THAT(places(scans), ElementsAre(10, 30));
  EXPECT_THAT(scans.advance(30, 40), ElementsAre(3));
  EXPECT_THAT(places(scans), ElementsAre(10, 40));
}

TEST(Scans, what_is_wanted_lies_between_place_and_end) {
  Scans scans;
  const Scans::Id scan = scans.add(1, 10, 20);
  EXPECT_TRUE(scans.wants(scan, 10, 10));
  EXPECT_TRUE(scans.wants(scan, 5, 19));
  EXPECT_FALSE(scans.wants(scan, 5, 9));
  EXPECT_FALSE(scans.wants(scan, 5, 20));
  EXPECT_FALSE(scans.wants(scan, 11, 15)) << "the pass began behind it";
}

TEST(Scans, a_gap_is_gone_over_when_it_is_short) {
  Scans scans;
  (void)scans.add(1, 10, 20);
  (void)scans.add(2, 25, 40);
  (void)scans.add(3, 50, 60);
  EXPECT_EQ(scans.reach(10, 11, 4, 100), 20);
  EXPECT_EQ(scans.reach(10, 11, 5, 100), 40);
  EXPECT_EQ(scans.reach(10, 11, 10, 55), 55);
  EXPECT_EQ(scans.reach(10, 11, 10, 45), 40) << "not for the sake of one beyond the limit";
}

TEST(Scans, a_place_without_scans_is_none) {
  Scans scans;
  const Scans::Id first = scans.add(1, 10, 20);
  const Scans::Id second = scans.add(2, 10, 30);
  scans.remove(second);
  EXPECT_EQ(scans.reach(10, 11, 0, 100), 20);
  scans.remove(first);
  EXPECT_THAT(places(scans), IsEmpty());
}

/// The same said of each scan for itself.
struct Plain {
  struct Scan {
    Scans::Id id;
    std::int64_t at;
    std::int64_t end;
  };
  std::map<Scans::JobId, Scan> scans;

  std::vector<Scans::JobId> advance(std::int64_t from, std::int64_t to) {
    std::vector<Scans::JobId> ended;
    for (auto& [job, scan] : scans) {
      if (scan.at < from || scan.at >= to) continue;
      scan.at = to;
      if (scan.end <= to) ended.push_back(job);
    }
    for (const Scans::JobId job : ended) scans.erase(job);
    return ended;
  }
};

TEST(Scans, together_is_as_each_for_itself) {
  std::mt19937 random(1);  // NOLINT(cert-msc32-c,cert-msc51-cpp): every run is the same
  const auto below = [&random](std::int64_t n) { return static_cast<std::int64_t>(random()) % n; };
  Scans scans;
  Plain plain;
  for (Scans::JobId job = 0; job < 20'000; ++job) {
    const std::int64_t at = below(200);
    const std::int64_t end = at + 1 + below(100);
    plain.scans[job] = {scans.add(job, at, end), at, end};
    if (below(3) == 0) {
      const auto some = std::next(plain.scans.begin(), below(static_cast<std::int64_t>(plain.scans.size())));
      scans.remove(some->second.id);
      plain.scans.erase(some);
    }
    const std::int64_t from = below(200);
    const std::int64_t to = from + below(30);
    std::vector<Scans::JobId> ended = scans.advance(from, to);
    std::ranges::sort(ended);
    ASSERT_EQ(ended, plain.advance(from, to));
    for (const auto& [each, scan] : plain.scans) {
      ASSERT_TRUE(scans.wants(scan.id, scan.at, scan.at));
      ASSERT_TRUE(scans.wants(scan.id, scan.at, scan.end - 1));
      ASSERT_FALSE(scans.wants(scan.id, scan.at + 1, scan.end - 1));
      ASSERT_FALSE(scans.wants(scan.id, scan.at, scan.end));
    }
  }
  EXPECT_FALSE(plain.scans.empty());
}

}  // namespace
}  // namespace mqttproxy::cluster::test
