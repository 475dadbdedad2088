// What the subscription tree costs: filters as a fleet of devices has them, all in one tree. Prints one JSON object.
#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>
#include <unistd.h>

#include "mqttproxy/mqtt/subscription_tree.hpp"

namespace {

using mqttproxy::mqtt::Qos;
using mqttproxy::mqtt::SubscriptionTree;
using Random = std::mt19937_64;

constexpr std::size_t kLargeFilter = 100'000;
constexpr std::size_t kFewestMatches = 2'000'000;

/// tenant/site/device/metric: n topics, so many of each level that the filters below hit about five times.
class Fleet {
 public:
  explicit Fleet(std::size_t topics) : topics_(topics) {}

  [[nodiscard]] std::size_t topics() const { return topics_; }
  [[nodiscard]] std::array<std::string, 4> levels(std::size_t topic) const {
    const std::size_t device = topic / kMetrics;
    const std::size_t site = device / kDevices;
    return {"tenant-" + std::to_string(site / kSites), "site-" + std::to_string(site % kSites),
            "dev-" + std::to_string(device + 10'000'000), "metric-" + std::to_string(topic % kMetrics)};
  }

 private:
  static constexpr std::size_t kSites = 10;
  static constexpr std::size_t kDevices = 8;
  static constexpr std::size_t kMetrics = 5;
  std::size_t topics_;
};

std::string joined(std::string_view a, std::string_view b, std::string_view c, std::string_view d) {
  std::string text(a);
  for (const std::string_view level : {b, c, d}) {
    if (!level.empty()) text.append("/").append(level);
  }
  return text;
}

/// 80 % exact, 10 % with one '+', 7 % with a '#', 3 % with two '+'.
std::vector<std::string> make_filters(const Fleet& fleet, Random& random) {
  std::vector<std::size_t> topics(fleet.topics());
  for (std::size_t i = 0; i < topics.size(); ++i) topics[i] = i;
  std::ranges::shuffle(topics, random);
  std::vector<std::string> filters;
  filters.reserve(topics.size());
  for (std::size_t i = 0; i < topics.size(); ++i) {
    const auto [tenant, site, device, metric] = fleet.levels(topics[i]);
    const bool even = i % 2 == 0;
    const std::size_t percent = i * 100 / topics.size();
    if (percent < 80) {
      filters.push_back(joined(tenant, site, device, metric));
    } else if (percent < 90) {
      filters.push_back(even ? joined(tenant, site, "+", metric) : joined(tenant, site, device, "+"));
    } else if (percent < 97) {
      filters.push_back(even ? joined(tenant, site, "#", "") : joined(tenant, site, device, "#"));
    } else {
      filters.push_back(joined(tenant, "+", "+", metric));
    }
  }
  std::ranges::shuffle(filters, random);
  return filters;
}

std::vector<std::string> make_topics(const Fleet& fleet, Random& random) {
  std::vector<std::string> topics(std::min<std::size_t>(fleet.topics(), 500'000));
  std::uniform_int_distribution<std::size_t> any(0, fleet.topics() - 1);
  for (std::string& topic : topics) {
    const auto [tenant, site, device, metric] = fleet.levels(any(random));
    topic = joined(tenant, site, device, metric);
  }
  return topics;
}

double resident_bytes() {
  std::ifstream file("/proc/self/statm");
  double pages = 0;
  file >> pages >> pages;
  return pages * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

double cpu_ns() {
  timespec time{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

/// CPU time, which others on this machine disturb least, of each of the `count` things that `all` does.
template <class All>
double each_ns(std::size_t count, All&& all) {
  const double begin = cpu_ns();
  all();
  return (cpu_ns() - begin) / static_cast<double>(count);
}

double leave_large_ns(Random& random) {
  SubscriptionTree tree;
  std::vector<SubscriptionTree::Subscriber> order(kLargeFilter);
  for (std::uint32_t i = 0; i < order.size(); ++i) order[i] = i;
  SubscriptionTree::FilterId filter = 0;
  for (const auto subscriber : order) filter = tree.subscribe("all/devices", subscriber, Qos::AtLeastOnce).filter;
  std::ranges::shuffle(order, random);
  return each_ns(order.size(), [&] {
    for (const auto subscriber : order) tree.unsubscribe(filter, subscriber);
  });
}

nlohmann::ordered_json measure(std::size_t count) {
  Random random(1);
  const Fleet fleet(count);
  const std::vector<std::string> filters = make_filters(fleet, random);
  const std::vector<std::string> topics = make_topics(fleet, random);
  std::vector<SubscriptionTree::FilterId> ids(filters.size());

  const double resident_before = resident_bytes();
  SubscriptionTree tree;
  const double subscribe_ns = each_ns(filters.size(), [&] {
    for (std::uint32_t i = 0; i < filters.size(); ++i) {
      ids[i] = tree.subscribe(filters[i], i, Qos::AtLeastOnce).filter;
    }
  });
  const double resident = resident_bytes() - resident_before;
  const auto memory = static_cast<double>(tree.memory_bytes());
  const std::size_t nodes = tree.nodes();

  std::uint64_t hits = 0;
  std::uint64_t subscribers = 0;  // used below, so that looking at them is not optimized away
  const std::size_t turns = kFewestMatches / topics.size() + 1;
  const double match_ns = each_ns(turns * topics.size(), [&] {
    for (std::size_t turn = 0; turn < turns; ++turn) {
      for (const std::string& topic : topics) {
        tree.match(topic, [&](SubscriptionTree::Subscriber subscriber, Qos) {
          ++hits;
          subscribers += subscriber;
        });
      }
    }
  });

  std::vector<std::uint32_t> order(filters.size());
  for (std::uint32_t i = 0; i < order.size(); ++i) order[i] = i;
  std::ranges::shuffle(order, random);
  const double unsubscribe_ns = each_ns(order.size(), [&] {
    for (const std::uint32_t i : order) tree.unsubscribe(ids[i], i);
  });
  const auto per_subscription = [&](double bytes) { return bytes / static_cast<double>(filters.size()); };
  return {{"filters", filters.size()},
          {"nodes", nodes},
          {"subscribe_ns", subscribe_ns},
          {"match_ns", match_ns},
          {"hits_per_match", static_cast<double>(hits) / static_cast<double>(turns * topics.size())},
          {"subscribers_seen", subscribers},
          {"bytes_per_subscription", per_subscription(memory)},
          {"resident_bytes_per_subscription", per_subscription(resident)},
          {"unsubscribe_ns", unsubscribe_ns},
          {"leave_large_ns", leave_large_ns(random)}};
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view text = argc == 2 ? argv[1] : "";
  std::size_t filters = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), filters);
  if (error != std::errc() || end != text.data() + text.size() || filters < 1 || filters > 100'000'000) {
    std::fputs("usage: tree_bench FILTERS (1 ... 100,000,000)\n", stderr);
    return 2;
  }
  std::puts(measure(filters).dump().c_str());
  return 0;
}
