// Who is subscribed to what, among the sessions of one proxy on one worker. Sessions are known by their slot.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mqttproxy/metrics/metrics.hpp"
#include "mqttproxy/mqtt/packets.hpp"
#include "mqttproxy/mqtt/subscription_tree.hpp"

namespace mqttproxy::session {

/// One session's filters, sorted.
using FilterSet = std::vector<mqtt::SubscriptionTree::FilterId>;

/// Owner: one worker's thread.
class Subscriptions {
 public:
  /// `count`: a gauge that subscriptions are added to and taken from; it must outlive this.
  explicit Subscriptions(metrics::Counter& count) : count_(count) {}

  /// Adds the filter or replaces what was granted for it [MQTT-3.8.4-3]. False: the session has `limit` others.
  [[nodiscard]] bool add(std::uint32_t slot, FilterSet& filters, std::string_view filter, mqtt::Qos granted,
                         std::size_t limit);
  /// False: the session did not have the filter.
  bool remove(std::uint32_t slot, FilterSet& filters, std::string_view filter);
  void clear(std::uint32_t slot, FilterSet& filters) noexcept;

  /// Calls `sink(slot, granted)` once for every session with a matching filter, with the highest QoS granted to it.
  /// Returns how many. `sink` must not change subscriptions.
  template <class Sink>
  std::size_t match(std::string_view topic, Sink&& sink) {
    collect(topic);
    for (const Hit& hit : hits_) sink(hit.slot, hit.granted);
    return hits_.size();
  }

  /// What the session was granted for the filter; nullopt: it does not have it.
  [[nodiscard]] std::optional<mqtt::Qos> granted(std::uint32_t slot, std::string_view filter) const noexcept;
  /// Text and granted QoS of a session's filters, in byte order of the text.
  [[nodiscard]] std::vector<std::pair<std::string, mqtt::Qos>> list(std::uint32_t slot, const FilterSet& filters) const;
  [[nodiscard]] const mqtt::SubscriptionTree& tree() const noexcept { return tree_; }

 private:
  struct Hit {
    std::uint32_t slot = 0;
    mqtt::Qos granted = mqtt::Qos::AtMostOnce;
  };
  struct Mark {
    std::uint32_t round = 0;  // of the match that saw the slot last
    std::uint32_t hit = 0;    // its index in hits_
  };
  void collect(std::string_view topic);

  metrics::Counter& count_;
  mqtt::SubscriptionTree tree_;
  std::vector<Hit> hits_;
  std::vector<Mark> marks_;  // by slot: overlapping filters give one copy
  std::uint32_t round_ = 0;
};

}  // namespace mqttproxy::session
