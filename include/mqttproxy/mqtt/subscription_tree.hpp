// Which subscribers a message goes to: the topic filters of one worker's sessions, as a tree of their levels.
// MQTT 3.1.1 section 4.7.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mqttproxy/mqtt/packets.hpp"
#include "mqttproxy/mqtt/subscriber_list.hpp"
#include "mqttproxy/util/index_pool.hpp"
#include "mqttproxy/util/index_table.hpp"
#include "mqttproxy/util/sip_hash.hpp"

namespace mqttproxy::mqtt {

/// Owner: one thread, also for what is const. Filters are valid ones (is_topic_filter), topics are valid names
/// (is_topic_name); who calls limits their levels: a filter of n new levels takes n nodes.
///
///   filters a/+ and a/b:    root ──a──▶ node ──+──▶ node (subscribers)
///                                            └──b──▶ node (subscribers)
///
/// One node per different beginning of the filters. A level's text is stored once, whatever the number of nodes it
/// stands in, and the edges of all nodes are in one hash table, (node, level) -> node; a node knows its children by
/// wildcard itself. What no filter needs any more is used again: memory follows the most that there was at a time,
/// however many names come and go. A match visits nodes level by level, none twice: it costs at most what is in the
/// tree, however many '+' the filters have. The hash is keyed: names that collide cannot be chosen.
class SubscriptionTree {
 public:
  using Subscriber = std::uint32_t;  // the caller's number for a session; any value
  using FilterId = std::uint32_t;    // stable while the filter has a subscriber

  /// `hash`: a secret one, except where runs must be alike.
  explicit SubscriptionTree(const util::SipHash& hash = util::SipHash());
  SubscriptionTree(const SubscriptionTree&) = delete;
  SubscriptionTree& operator=(const SubscriptionTree&) = delete;

  struct Added {
    FilterId filter = 0;
    bool is_new = false;  // this subscriber did not have that filter before
  };
  /// Adds the subscription, or replaces the QoS of the one that is there [MQTT-3.8.4-3].
  Added subscribe(std::string_view filter, Subscriber subscriber, Qos granted);
  /// False: it was not subscribed.
  bool unsubscribe(FilterId filter, Subscriber subscriber) noexcept;

  /// The filter's id, character by character the same one [MQTT-3.10.4-1] [MQTT-4.7.3-4]; nullopt when nobody has it.
  [[nodiscard]] std::optional<FilterId> find(std::string_view filter) const noexcept;
  [[nodiscard]] std::optional<Qos> granted(FilterId filter, Subscriber subscriber) const noexcept;
  /// The filter as it was subscribed. It has a subscriber.
  [[nodiscard]] std::string text(FilterId filter) const;

  /// Calls `sink(Subscriber, Qos)` once for each matching filter of each subscriber: a subscriber whose filters overlap
  /// comes several times. `sink` must not call this tree. Allocates nothing once it has seen as many nodes.
  template <class Sink>
  void match(std::string_view topic, Sink&& sink) const {
    for (const NodeId id : matching(topic)) {
      const Node& node = nodes_[id];
      sink(node.first, node.granted);
      if (node.others == kNone) continue;
      for (const Subscription& other : lists_[node.others].all()) sink(other.subscriber, other.granted);
    }
  }

  [[nodiscard]] std::size_t subscriptions() const noexcept { return subscriptions_; }
  /// 0 again when the last filter is gone.
  [[nodiscard]] std::size_t nodes() const noexcept { return node_count_; }
  /// What the tree has allocated, without the allocator's own share.
  [[nodiscard]] std::size_t memory_bytes() const noexcept;

 private:
  using NodeId = std::uint32_t;
  using LevelId = std::uint32_t;
  using ListId = std::uint32_t;
  static constexpr std::uint32_t kNone = util::IndexTable::kNone;
  static constexpr NodeId kRoot = 0;
  // The wildcards are levels like others, but always there, and their parents name the nodes themselves.
  static constexpr LevelId kSingle = 0;  // '+'
  static constexpr LevelId kMulti = 1;   // '#'

  struct Level {
    std::string text;
    std::uint32_t nodes = 0;  // how many stand for it
  };

  struct alignas(32) Node {  // half a cache line
    NodeId parent = kNone;
    LevelId level = kNone;
    std::uint32_t names = 0;  // children in edges_
    NodeId single = kNone;    // child '+'
    NodeId multi = kNone;     // child '#'
    ListId others = kNone;    // subscribers beyond the first
    Subscriber first = 0;
    Qos granted = Qos::AtMostOnce;  // to the first
    bool subscribed = false;        // there is a first
  };

  struct Edge {
    NodeId parent;
    LevelId level;
    std::uint32_t hash;
  };

  struct Name {  // a level of a topic or filter that is looked up
    std::string_view text;
    std::uint64_t hash;
  };

  struct Reached {  // by a match
    NodeId node;
    std::uint32_t hash;  // of its edge to the next level
  };

  class LevelReader;

  [[nodiscard]] Name name_of(std::string_view text) const noexcept;
  [[nodiscard]] std::uint32_t edge_hash(NodeId parent, std::uint64_t name_hash) const noexcept;
  [[nodiscard]] LevelId find_level(const Name& name) const noexcept;
  [[nodiscard]] NodeId find_child(const Edge& edge) const noexcept;
  [[nodiscard]] NodeId find_child(NodeId parent, LevelId level, const Name& name) const noexcept;
  [[nodiscard]] std::span<const NodeId> matching(std::string_view topic) const;
  [[nodiscard]] std::optional<Name> read_ahead(LevelReader& levels) const;
  void reach(NodeId id, const std::optional<Name>& upcoming) const;
  void matched(NodeId id) const;

  LevelId intern(const Name& name);
  NodeId add_child(NodeId parent, LevelId level, const Name& name);
  bool add_subscriber(Node& node, const Subscription& added);
  bool remove_subscriber(Node& node, Subscriber removed) noexcept;
  void remove_leaf(NodeId leaf) noexcept;
  void release(LevelId level) noexcept;

  const util::SipHash hash_;
  util::IndexPool<Level> levels_;
  util::IndexPool<Node> nodes_;
  util::IndexPool<SubscriberList> lists_;
  util::IndexTable level_index_;  // text -> level
  util::IndexTable edges_;        // (parent, level) -> node
  std::size_t subscriptions_ = 0;
  std::size_t node_count_ = 0;
  std::size_t owned_bytes_ = 0;  // by levels and lists

  // Of the match that runs:
  mutable std::vector<Reached> reached_;
  mutable std::vector<NodeId> matching_;
};

}  // namespace mqttproxy::mqtt
