#include "mqttproxy/mqtt/subscription_tree.hpp"

#include <algorithm>

namespace mqttproxy::mqtt {

/// Takes a topic apart, front to back. There is always a first level.
class SubscriptionTree::LevelReader {
 public:
  explicit LevelReader(std::string_view topic) noexcept : rest_(topic) {}

  [[nodiscard]] bool done() const noexcept { return done_; }
  std::string_view next() noexcept {
    const std::size_t length = std::min(rest_.find('/'), rest_.size());
    const std::string_view level = rest_.substr(0, length);
    done_ = length == rest_.size();
    if (!done_) rest_.remove_prefix(length + 1);
    return level;
  }

 private:
  std::string_view rest_;
  bool done_ = false;
};

namespace {

std::uint32_t short_hash(std::uint64_t hash) noexcept {
  return static_cast<std::uint32_t>(hash);
}

/// Memory of a text that does not fit into the string itself.
std::size_t heap_bytes(const std::string& text) noexcept {
  static const std::size_t inside = std::string().capacity();
  return text.capacity() > inside ? text.capacity() + 1 : 0;
}

}  // namespace

SubscriptionTree::SubscriptionTree(const util::SipHash& hash) : hash_(hash) {
  nodes_.take();                             // kRoot
  for (const char* wildcard : {"+", "#"}) {  // kSingle, kMulti; used once here, so that they are never released
    ++levels_[intern(name_of(wildcard))].nodes;
  }
}

// ---- Subscribing

SubscriptionTree::Added SubscriptionTree::subscribe(std::string_view filter, Subscriber subscriber, Qos granted) {
  NodeId id = kRoot;
  for (LevelReader levels(filter); !levels.done();) {
    const Name name = name_of(levels.next());
    const LevelId level = intern(name);
    const NodeId child = find_child(id, level, name);
    id = child != kNone ? child : add_child(id, level, name);
  }
  return {id, add_subscriber(nodes_[id], {subscriber, granted})};
}

SubscriptionTree::LevelId SubscriptionTree::intern(const Name& name) {
  const LevelId known = find_level(name);
  if (known != kNone) return known;
  const LevelId id = levels_.take();
  levels_[id].text = name.text;
  owned_bytes_ += heap_bytes(levels_[id].text);
  level_index_.insert(short_hash(name.hash), id);
  return id;
}

SubscriptionTree::NodeId SubscriptionTree::add_child(NodeId parent, LevelId level, const Name& name) {
  const NodeId id = nodes_.take();
  nodes_[id].parent = parent;
  nodes_[id].level = level;
  if (level == kSingle) {
    nodes_[parent].single = id;
  } else if (level == kMulti) {
    nodes_[parent].multi = id;
  } else {
    ++nodes_[parent].names;
    edges_.insert(edge_hash(parent, name.hash), id);
  }
  ++levels_[level].nodes;
  ++node_count_;
  return id;
}

bool SubscriptionTree::add_subscriber(Node& node, const Subscription& added) {
  if (!node.subscribed || node.first == added.subscriber) {
    const bool is_new = !node.subscribed;
    node.first = added.subscriber;
    node.granted = added.granted;
    node.subscribed = true;
    subscriptions_ += is_new ? 1 : 0;
    return is_new;
  }
  if (node.others == kNone) node.others = lists_.take();
  SubscriberList& others = lists_[node.others];
  owned_bytes_ -= others.owned_bytes();
  const bool is_new = others.insert(added, hash_);
  owned_bytes_ += others.owned_bytes();
  subscriptions_ += is_new ? 1 : 0;
  return is_new;
}

// ---- Unsubscribing

bool SubscriptionTree::unsubscribe(FilterId filter, Subscriber subscriber) noexcept {
  if (!remove_subscriber(nodes_[filter], subscriber)) return false;
  --subscriptions_;
  NodeId id = filter;
  while (id != kRoot) {
    const Node& node = nodes_[id];
    if (node.subscribed || node.names > 0 || node.single != kNone || node.multi != kNone) break;
    const NodeId parent = node.parent;
    remove_leaf(id);
    id = parent;
  }
  return true;
}

bool SubscriptionTree::remove_subscriber(Node& node, Subscriber removed) noexcept {
  if (!node.subscribed) return false;
  const bool is_first = node.first == removed;
  if (node.others == kNone) {
    if (is_first) node.subscribed = false;
    return is_first;
  }
  SubscriberList& others = lists_[node.others];
  if (is_first) {
    const Subscription next = others.all().back();
    node.first = removed = next.subscriber;
    node.granted = next.granted;
  }
  owned_bytes_ -= others.owned_bytes();
  const bool erased = others.erase(removed, hash_);
  owned_bytes_ += others.owned_bytes();
  if (others.all().empty()) {
    owned_bytes_ -= others.owned_bytes();
    lists_.give_back(node.others);
    node.others = kNone;
  }
  return erased;
}

void SubscriptionTree::remove_leaf(NodeId leaf) noexcept {
  const Node& node = nodes_[leaf];
  Node& parent = nodes_[node.parent];
  if (node.level == kSingle) {
    parent.single = kNone;
  } else if (node.level == kMulti) {
    parent.multi = kNone;
  } else {
    --parent.names;
    edges_.erase(edge_hash(node.parent, hash_(levels_[node.level].text)), leaf);
  }
  if (--levels_[node.level].nodes == 0) release(node.level);
  nodes_.give_back(leaf);
  --node_count_;
}

void SubscriptionTree::release(LevelId level) noexcept {
  level_index_.erase(short_hash(hash_(levels_[level].text)), level);
  owned_bytes_ -= heap_bytes(levels_[level].text);
  levels_.give_back(level);
}

// ---- Looking up

SubscriptionTree::Name SubscriptionTree::name_of(std::string_view text) const noexcept {
  return {text, hash_(text)};
}

std::uint32_t SubscriptionTree::edge_hash(NodeId parent, std::uint64_t name_hash) const noexcept {
  return short_hash(hash_(name_hash ^ parent));
}

SubscriptionTree::LevelId SubscriptionTree::find_level(const Name& name) const noexcept {
  return level_index_.find(short_hash(name.hash),
                           [&](LevelId candidate) { return levels_[candidate].text == name.text; });
}

SubscriptionTree::NodeId SubscriptionTree::find_child(const Edge& edge) const noexcept {
  return edges_.find(edge.hash, [&](NodeId candidate) {
    return nodes_[candidate].parent == edge.parent && nodes_[candidate].level == edge.level;
  });
}

SubscriptionTree::NodeId SubscriptionTree::find_child(NodeId parent, LevelId level, const Name& name) const noexcept {
  if (level == kSingle) return nodes_[parent].single;
  if (level == kMulti) return nodes_[parent].multi;
  return find_child({parent, level, edge_hash(parent, name.hash)});
}

std::optional<SubscriptionTree::FilterId> SubscriptionTree::find(std::string_view filter) const noexcept {
  NodeId id = kRoot;
  for (LevelReader levels(filter); !levels.done();) {
    const Name name = name_of(levels.next());
    const LevelId level = find_level(name);
    if (level == kNone) return std::nullopt;
    id = find_child(id, level, name);
    if (id == kNone) return std::nullopt;
  }
  return nodes_[id].subscribed ? std::optional(id) : std::nullopt;
}

std::optional<Qos> SubscriptionTree::granted(FilterId filter, Subscriber subscriber) const noexcept {
  const Node& node = nodes_[filter];
  if (!node.subscribed) return std::nullopt;
  if (node.first == subscriber) return node.granted;
  if (node.others == kNone) return std::nullopt;
  const Subscription* const other = lists_[node.others].find(subscriber, hash_);
  return other == nullptr ? std::nullopt : std::optional(other->granted);
}

std::string SubscriptionTree::text(FilterId filter) const {
  std::size_t size = 0;
  for (NodeId id = filter; id != kRoot; id = nodes_[id].parent) size += levels_[nodes_[id].level].text.size() + 1;
  std::string text(size - 1, '/');
  for (NodeId id = filter; id != kRoot; id = nodes_[id].parent) {
    const std::string& level = levels_[nodes_[id].level].text;
    size -= level.size() + 1;
    text.replace(size, level.size(), level);
  }
  return text;
}

std::size_t SubscriptionTree::memory_bytes() const noexcept {
  return sizeof *this + owned_bytes_ + levels_.memory_bytes() + nodes_.memory_bytes() + lists_.memory_bytes() +
         level_index_.memory_bytes() + edges_.memory_bytes() + matching_.capacity() * sizeof(NodeId) +
         reached_.capacity() * sizeof(Reached);
}

// ---- Matching

// What the next level needs is fetched from memory while this one is worked on: with a million filters that, and not
// the work, is what a match costs.
std::span<const SubscriptionTree::NodeId> SubscriptionTree::matching(std::string_view topic) const {
  matching_.clear();
  reached_.clear();
  LevelReader levels(topic);
  std::optional<Name> upcoming = read_ahead(levels);
  reach(kRoot, upcoming);
  std::size_t begin = 0;  // reached_ from here on: by the levels read so far
  while (upcoming && begin < reached_.size()) {
    const Name name = *upcoming;
    upcoming = read_ahead(levels);
    const LevelId level = find_level(name);
    // [MQTT-4.7.2-1] '#' and '+' in front do not match '$'
    const bool wildcards = begin > 0 || !topic.starts_with('$');
    for (const std::size_t end = reached_.size(); begin < end; ++begin) {
      const Reached reached = reached_[begin];
      const Node& node = nodes_[reached.node];
      if (node.multi != kNone && wildcards) matched(node.multi);
      if (node.single != kNone && wildcards) reach(node.single, upcoming);
      if (node.names == 0 || level == kNone) continue;
      const NodeId child = find_child({reached.node, level, reached.hash});
      if (child != kNone) reach(child, upcoming);
    }
  }
  for (; begin < reached_.size(); ++begin) {
    const Node& node = nodes_[reached_[begin].node];
    if (node.subscribed) matched(reached_[begin].node);
    if (node.multi != kNone) matched(node.multi);  // [MQTT-4.7.1-2] the parent level as well
  }
  for (const NodeId id : matching_) {
    if (nodes_[id].others != kNone) lists_.prefetch(nodes_[id].others);
  }
  return matching_;
}

std::optional<SubscriptionTree::Name> SubscriptionTree::read_ahead(LevelReader& levels) const {
  if (levels.done()) return std::nullopt;
  const Name name = name_of(levels.next());
  level_index_.prefetch(short_hash(name.hash));
  return name;
}

void SubscriptionTree::reach(NodeId id, const std::optional<Name>& upcoming) const {
  nodes_.prefetch(id);
  const std::uint32_t hash = upcoming ? edge_hash(id, upcoming->hash) : 0;
  if (upcoming) edges_.prefetch(hash);
  reached_.push_back({id, hash});
}

void SubscriptionTree::matched(NodeId id) const {
  nodes_.prefetch(id);
  matching_.push_back(id);
}

}  // namespace mqttproxy::mqtt
