#include <memory>
#include <string>

#include "mqttproxy/mqtt/subscription_tree.hpp"

#include "scenario.hpp"

namespace mqttproxy::bench::micro {

namespace {

constexpr std::uint64_t kTurns = 20'000;
constexpr std::uint32_t kDevices = 4'000;

std::string device_topic(std::uint64_t device, const char* rest) {
  return "site-" + std::to_string(device % 40) + "/dev-" + std::to_string(device) + rest;
}

/// Each device its own filter with '#', each tenth one with '+'. The hash is not secret: runs are alike.
std::shared_ptr<mqtt::SubscriptionTree> make_tree() {
  auto tree = std::make_shared<mqtt::SubscriptionTree>(util::SipHash(1, 2));
  for (std::uint32_t device = 0; device < kDevices; ++device) {
    tree->subscribe(device_topic(device, "/#"), device, mqtt::Qos::AtLeastOnce);
    if (device % 10 == 0) tree->subscribe(device_topic(device, "/+/command"), device, mqtt::Qos::AtMostOnce);
  }
  return tree;
}

Step match() {
  std::vector<std::string> topics;
  for (std::uint32_t device = 0; device < kDevices; ++device) topics.push_back(device_topic(device, "/light/command"));
  return [tree = make_tree(), topics = std::move(topics)](std::uint64_t turn) {
    std::uint64_t hits = 0;
    tree->match(topics[turn * 7 % topics.size()],
                [&](mqtt::SubscriptionTree::Subscriber subscriber, mqtt::Qos) { hits += subscriber + 1; });
    return hits;
  };
}

Step subscribe() {
  std::vector<std::string> filters;
  for (std::uint32_t device = 0; device < kDevices; ++device) filters.push_back(device_topic(device, "/state/+"));
  return [tree = make_tree(), filters = std::move(filters)](std::uint64_t turn) {
    const auto added = tree->subscribe(filters[turn % filters.size()], kDevices, mqtt::Qos::AtLeastOnce);
    return std::uint64_t{tree->unsubscribe(added.filter, kDevices)};
  };
}

}  // namespace

std::vector<Scenario> tree_scenarios() {
  return {{"tree_match", kTurns, match}, {"tree_subscribe_unsubscribe", kTurns, subscribe}};
}

}  // namespace mqttproxy::bench::micro
