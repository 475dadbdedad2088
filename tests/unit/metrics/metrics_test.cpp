#include "mqttproxy/metrics/metrics.hpp"

#include <array>
#include <memory>
#include <thread>
#include <type_traits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "mqttproxy/metrics/histogram.hpp"

namespace mqttproxy::metrics {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

/// What one collector alone gives.
std::string text_of(Registry::Collector collector) {
  Registry registry;
  const auto handle = registry.add(std::move(collector));
  return registry.serialize();
}

// ---- Histograms

TEST(Histogram, AddsUpTheWritersAndCumulatesTheBuckets) {
  static constexpr std::array<std::uint64_t, 2> kBoundsUs = {100, 1'000};
  Histogram first(kBoundsUs);
  Histogram second(kBoundsUs);
  first.add(100);         // a bound belongs to what it bounds
  first.add(101, 3);      // as if three times
  second.add(1'000'000);  // above all
  const std::array<const Histogram*, 2> parts = {&first, &second};
  const std::string text = text_of([&](Scrape& scrape) {
    Histogram::write(scrape, "h_seconds", "Help.", parts, 1e6, {{"until", "stored"}});
  });
  EXPECT_THAT(text, HasSubstr("h_seconds_bucket{until=\"stored\",le=\"0.0001\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("h_seconds_bucket{until=\"stored\",le=\"0.001\"} 4\n"));
  EXPECT_THAT(text, HasSubstr("h_seconds_bucket{until=\"stored\",le=\"+Inf\"} 5\n"));
  EXPECT_THAT(text, HasSubstr("h_seconds_count{until=\"stored\"} 5\n"));
  EXPECT_THAT(text, HasSubstr("h_seconds_sum{until=\"stored\"} 1.000403\n"));
}

TEST(Histogram, PutsEachValueIntoItsBucketWhateverCameBefore) {
  static constexpr std::array<std::uint64_t, 3> kBounds = {0, 10, 20};
  static constexpr std::array<std::uint64_t, 8> kValues = {0, 1, 10, 11, 20, 21, 1'000'000, ~std::uint64_t{0}};
  Histogram histogram(kBounds);
  for (const std::uint64_t first : kValues) {
    for (const std::uint64_t second : kValues) {
      histogram.add(first);
      histogram.add(second);
    }
  }
  const Histogram* const part = &histogram;
  const std::string text = text_of([&](Scrape& scrape) { Histogram::write(scrape, "h", "", {&part, 1}, 1); });
  EXPECT_THAT(text, HasSubstr("h_bucket{le=\"0\"} 16\n"));
  EXPECT_THAT(text, HasSubstr("h_bucket{le=\"10\"} 48\n"));
  EXPECT_THAT(text, HasSubstr("h_bucket{le=\"20\"} 80\n"));
  EXPECT_THAT(text, HasSubstr("h_bucket{le=\"+Inf\"} 128\n"));
}

// ---- Counters

TEST(Counter, GoesUpAndDown) {
  Counter counter;
  EXPECT_EQ(counter.get(), 0U);
  counter.add();
  counter.add(9);
  counter.sub();
  counter.sub(4);
  EXPECT_EQ(counter.get(), 5U);
}

TEST(SharedCounter, ManyThreadsAdd) {
  static constexpr std::uint64_t kEach = 10'000;
  SharedCounter counter;
  {
    const auto add = [&counter] {
      for (std::uint64_t i = 0; i < kEach; ++i) counter.add();
    };
    const std::jthread first(add);
    const std::jthread second(add);
  }
  counter.add(5);
  EXPECT_EQ(counter.get(), 2 * kEach + 5);
}

enum class Fruit { Apple, Pear, Count_ };

TEST(CounterSet, IsIndexedByItsEnum) {
  CounterSet<Fruit> set;
  set[Fruit::Pear].add(3);
  const CounterSet<Fruit>& read_only = set;
  EXPECT_EQ(read_only[Fruit::Apple].get(), 0U);
  EXPECT_EQ(read_only[Fruit::Pear].get(), 3U);
  EXPECT_EQ(set.counters.size(), 2U);
}

TEST(CounterSet, SharesNoCacheLineWithItsNeighbour) {
  static_assert(alignof(CounterSet<Fruit>) == 64 && sizeof(CounterSet<Fruit>) % 64 == 0);
}

// ---- Text format

TEST(Serialize, AnEmptyRegistryIsAnEmptyPage) {
  EXPECT_EQ(Registry().serialize(), "");
}

TEST(Serialize, CounterAndGauge) {
  const std::string text = text_of([](Scrape& scrape) {
    scrape.counter("packets_total", "Packets read", 12, {{"type", "PUBLISH"}});
    scrape.gauge("connections", "Open connections", 3);
  });
  EXPECT_EQ(text,
            "# HELP packets_total Packets read\n"
            "# TYPE packets_total counter\n"
            "packets_total{type=\"PUBLISH\"} 12\n"
            "# HELP connections Open connections\n"
            "# TYPE connections gauge\n"
            "connections 3\n");
}

// A family that is written twice is refused by Prometheus.
TEST(Serialize, SamplesOfOneFamilyStandTogether) {
  const std::string text = text_of([](Scrape& scrape) {
    scrape.counter("packets_total", "Packets", 1, {{"type", "PUBLISH"}});
    scrape.gauge("connections", "Connections", 2);
    scrape.counter("packets_total", "Packets", 3, {{"type", "PUBACK"}});
  });
  EXPECT_EQ(text,
            "# HELP packets_total Packets\n"
            "# TYPE packets_total counter\n"
            "packets_total{type=\"PUBLISH\"} 1\n"
            "packets_total{type=\"PUBACK\"} 3\n"
            "# HELP connections Connections\n"
            "# TYPE connections gauge\n"
            "connections 2\n");
}

TEST(Serialize, HistogramBucketsAreCumulative) {
  const std::string text = text_of([](Scrape& scrape) {
    scrape.histogram("latency_seconds", "Latency", {0.25, 0.5}, {2, 3, 4}, 6.5, {{"node", "a"}});
  });
  EXPECT_EQ(text,
            "# HELP latency_seconds Latency\n"
            "# TYPE latency_seconds histogram\n"
            "latency_seconds_count{node=\"a\"} 9\n"
            "latency_seconds_sum{node=\"a\"} 6.5\n"
            "latency_seconds_bucket{node=\"a\",le=\"0.25\"} 2\n"
            "latency_seconds_bucket{node=\"a\",le=\"0.5\"} 5\n"
            "latency_seconds_bucket{node=\"a\",le=\"+Inf\"} 9\n");
}

TEST(Serialize, LabelValuesAreEscaped) {
  const std::string text = text_of([](Scrape& scrape) { scrape.gauge("up", "Up", 1, {{"reason", "a\"b\\c\nd"}}); });
  EXPECT_THAT(text, HasSubstr(R"(up{reason="a\"b\\c\nd"} 1)"));
}

TEST(Serialize, LargeCountsKeepTheirDigits) {
  const std::string text =
      text_of([](Scrape& scrape) { scrape.counter("bytes_total", "Bytes", 9'007'199'254'740'992.0); });
  EXPECT_THAT(text, HasSubstr("bytes_total 9007199254740992\n"));
}

// ---- Registry

TEST(Registry, CollectorsShareFamilies) {
  Registry registry;
  const auto first = registry.add([](Scrape& scrape) { scrape.counter("n_total", "N", 1, {{"worker", "0"}}); });
  const auto second = registry.add([](Scrape& scrape) { scrape.counter("n_total", "N", 2, {{"worker", "1"}}); });
  EXPECT_EQ(registry.serialize(),
            "# HELP n_total N\n"
            "# TYPE n_total counter\n"
            "n_total{worker=\"0\"} 1\n"
            "n_total{worker=\"1\"} 2\n");
}

TEST(Registry, CollectorsAreAskedAtEveryScrape) {
  Registry registry;
  Counter counter;
  const auto handle = registry.add([&](Scrape& scrape) {
    counter.add();
    scrape.counter("scrapes_total", "Scrapes", static_cast<double>(counter.get()));
  });
  EXPECT_THAT(registry.serialize(), HasSubstr("scrapes_total 1\n"));
  EXPECT_THAT(registry.serialize(), HasSubstr("scrapes_total 2\n"));
}

Registry::Collector gauge(std::string name) {
  return [name = std::move(name)](Scrape& scrape) { scrape.gauge(name, "help", 1); };
}

TEST(RegistryHandle, RemovesItsCollectorOnly) {
  Registry registry;
  const auto kept = registry.add(gauge("kept"));
  {
    const auto gone = registry.add(gauge("gone"));
    EXPECT_THAT(registry.serialize(), HasSubstr("gone 1"));
  }
  EXPECT_THAT(registry.serialize(), HasSubstr("kept 1"));
  EXPECT_THAT(registry.serialize(), Not(HasSubstr("gone")));
}

TEST(RegistryHandle, MovesKeepTheCollector) {
  Registry registry;
  auto first = registry.add(gauge("a"));
  Registry::Handle second(std::move(first));
  EXPECT_THAT(registry.serialize(), HasSubstr("a 1"));
  Registry::Handle third;
  third = std::move(second);
  EXPECT_THAT(registry.serialize(), HasSubstr("a 1"));
  static_assert(!std::is_copy_constructible_v<Registry::Handle> && !std::is_copy_assignable_v<Registry::Handle>);
}

TEST(RegistryHandle, AssignmentRemovesTheFormerCollector) {
  Registry registry;
  auto handle = registry.add(gauge("former"));
  handle = registry.add(gauge("latter"));
  EXPECT_THAT(registry.serialize(), Not(HasSubstr("former")));
  EXPECT_THAT(registry.serialize(), HasSubstr("latter 1"));
  handle = Registry::Handle();
  EXPECT_EQ(registry.serialize(), "");
}

TEST(RegistryHandle, SelfAssignmentKeepsTheCollector) {
  Registry registry;
  auto handle = registry.add(gauge("a"));
  auto& same = handle;
  handle = std::move(same);
  EXPECT_THAT(registry.serialize(), HasSubstr("a 1"));
}

// The sanitizers see a collector that runs after its Handle, and with it what it reads, is gone.
TEST(RegistryHandle, NoCollectorOutlivesItsHandle) {
  Registry registry;
  const std::jthread scraper([&registry](const std::stop_token& stop) {
    while (!stop.stop_requested()) static_cast<void>(registry.serialize());
  });
  for (int i = 0; i < 200; ++i) {
    const auto value = std::make_unique<Counter>();
    const auto handle =
        registry.add([&value](Scrape& scrape) { scrape.counter("n_total", "N", static_cast<double>(value->get())); });
    EXPECT_THAT(registry.serialize(), HasSubstr("n_total 0\n"));
  }
}

}  // namespace
}  // namespace mqttproxy::metrics
