// The subscription tree as section 4.7 describes it, one filter after the other: what the real one is held against.
#pragma once

#include <algorithm>
#include <compare>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mqttproxy/mqtt/subscription_tree.hpp"

namespace mqttproxy::mqtt::test {

inline std::vector<std::string_view> levels_of(std::string_view topic) {
  std::vector<std::string_view> levels;
  while (true) {
    const std::size_t end = topic.find('/');
    levels.push_back(topic.substr(0, end));
    if (end == std::string_view::npos) return levels;
    topic.remove_prefix(end + 1);
  }
}

inline bool filter_matches(std::string_view filter, std::string_view topic) {
  const auto wanted = levels_of(filter);
  const auto given = levels_of(topic);
  if (topic.starts_with('$') && (wanted[0] == "#" || wanted[0] == "+")) return false;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i] == "#") return true;
    if (i == given.size() || (wanted[i] != "+" && wanted[i] != given[i])) return false;
  }
  return wanted.size() == given.size();
}

struct Hit {
  SubscriptionTree::Subscriber subscriber = 0;
  Qos qos = Qos::AtMostOnce;
  friend auto operator<=>(const Hit&, const Hit&) = default;
};

/// In ascending order.
inline std::vector<Hit> hits_of(const SubscriptionTree& tree, std::string_view topic) {
  std::vector<Hit> hits;
  tree.match(topic, [&](SubscriptionTree::Subscriber subscriber, Qos qos) { hits.push_back({subscriber, qos}); });
  std::sort(hits.begin(), hits.end());
  return hits;
}

class PlainTree {
 public:
  /// True: the subscriber did not have the filter before.
  bool subscribe(std::string_view filter, SubscriptionTree::Subscriber subscriber, Qos granted) {
    return filters_[std::string(filter)].insert_or_assign(subscriber, granted).second;
  }

  bool unsubscribe(std::string_view filter, SubscriptionTree::Subscriber subscriber) {
    const auto found = filters_.find(std::string(filter));
    if (found == filters_.end() || found->second.erase(subscriber) == 0) return false;
    if (found->second.empty()) filters_.erase(found);
    return true;
  }

  [[nodiscard]] std::vector<Hit> hits_of(std::string_view topic) const {
    std::vector<Hit> hits;
    for (const auto& [filter, subscribers] : filters_) {
      if (!filter_matches(filter, topic)) continue;
      for (const auto& [subscriber, qos] : subscribers) hits.push_back({subscriber, qos});
    }
    std::sort(hits.begin(), hits.end());
    return hits;
  }

  using Filters = std::map<std::string, std::map<SubscriptionTree::Subscriber, Qos>>;
  [[nodiscard]] const Filters& filters() const { return filters_; }

 private:
  Filters filters_;
};

/// What differs between the two beside what they match; "" when nothing does.
inline std::string difference(const SubscriptionTree& tree, const PlainTree& plain) {
  std::size_t subscriptions = 0;
  for (const auto& [filter, subscribers] : plain.filters()) {
    const auto id = tree.find(filter);
    if (!id) return "not found: " + filter;
    if (tree.text(*id) != filter) return tree.text(*id) + " instead of " + filter;
    for (const auto& [subscriber, qos] : subscribers) {
      if (tree.granted(*id, subscriber) != qos) return "QoS of " + std::to_string(subscriber) + " in " + filter;
    }
    subscriptions += subscribers.size();
  }
  if (tree.subscriptions() != subscriptions) return std::to_string(tree.subscriptions()) + " subscriptions";
  if ((tree.nodes() == 0) != plain.filters().empty()) return std::to_string(tree.nodes()) + " nodes";
  return "";
}

}  // namespace mqttproxy::mqtt::test
