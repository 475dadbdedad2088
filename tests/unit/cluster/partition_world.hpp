// Nodes that take part in one partition of the sessions topic, without anything around it: what a partition wants done
// is noted, and records go into a log by hand.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "cluster/partition.hpp"
#include "support.hpp"

namespace mqttproxy::cluster::test {

/// A node. Its only worker calls its connections by number.
class Node final : public Effects {
 public:
  explicit Node(std::string incarnation) : life{std::move(incarnation), 1}, partition(0, life, incarnations, *this) {}

  Life life;
  Incarnations incarnations;
  std::deque<std::pair<Key, Record>> writes;  // not in the log yet
  std::vector<std::string> events;            // "claimed 1", "stored 1:7", "lost 1 takeover", "adopt p/c", "drop p/c"
  std::map<std::uint64_t, Claimed> claims;    // what claimed() brought
  std::map<std::string, Cut> offline;         // adopted
  Partition partition;

  static Seat seat(std::uint64_t connection) { return {0, connection}; }
  [[nodiscard]] std::vector<std::string> take_events() { return std::exchange(events, {}); }

 private:
  void write(std::int32_t, const Key& key, const Record& record) override { writes.emplace_back(key, record); }
  void claimed(Seat claimant, Claimed claimed) override {
    events.push_back("claimed " + std::to_string(claimant.connection));
    claims[claimant.connection] = std::move(claimed);
  }
  void stored(Seat writer, std::uint64_t token) override {
    events.push_back("stored " + std::to_string(writer.connection) + ":" + std::to_string(token));
  }
  void lost(Seat loser, Loss loss) override {
    static constexpr std::array<const char*, 4> kNames = {"takeover", "deleted", "fenced", "unavailable"};
    events.push_back("lost " + std::to_string(loser.connection) + " " + kNames[static_cast<std::size_t>(loss)]);
  }
  void adopt(std::int32_t, const std::string& client, LifeId, Cut cut) override {
    events.push_back("adopt " + client);
    offline[client] = std::move(cut);
  }
  void drop(std::int32_t, const std::string& client) override {
    if (offline.erase(client) != 0) events.push_back("drop " + client);
  }
  void drop_all(std::int32_t) override { offline.clear(); }
  bool adopted(std::int32_t, const std::string& client) override { return offline.contains(client); }
  Cut collected(std::int32_t, const std::string& client) override { return offline.at(client); }
};

/// Three nodes that have read everything, until a test holds something back.
class PartitionTest : public ::testing::Test {
 protected:
  PartitionTest() {
    for (Node* node : nodes) node->partition.begin(0, 0);
  }

  std::vector<std::pair<Key, Record>> log;
  Node a{"a:1"};
  Node b{"b:1"};
  Node s{"s:1"};  // the steward, where there is one
  const std::vector<Node*> nodes{&a, &b, &s};
  std::chrono::seconds passed{0};

  [[nodiscard]] Partition::Clock::time_point now() const { return Partition::Clock::time_point(kStart + passed); }
  [[nodiscard]] std::chrono::system_clock::time_point time() const {
    return std::chrono::system_clock::time_point(kStart + passed);
  }

  /// The node's writes come into the log.
  void flush(Node& node) {
    for (; !node.writes.empty(); node.writes.pop_front()) log.push_back(std::move(node.writes.front()));
  }
  void read(Node& node) {
    while (node.partition.next() < static_cast<std::int64_t>(log.size())) {
      const std::int64_t offset = node.partition.next();
      const auto [key, record] = log[static_cast<std::size_t>(offset)];
      (void)node.partition.apply(offset, time(), key, record, now());
    }
  }
  /// Until nobody has anything to write or to read.
  void run() {
    for (int turn = 0; turn < kMostTurns; ++turn) {
      for (Node* node : nodes) flush(*node);
      for (Node* node : nodes) read(*node);
      if (std::ranges::all_of(nodes, [](const Node* node) { return node->writes.empty(); })) return;
    }
    FAIL() << "records without end";
  }

  void connect(Node& node, std::uint64_t connection, bool clean = false) {
    node.partition.claim(Node::seat(connection), {"p", "c", clean, std::chrono::seconds(60), now()});
  }
  void store(Node& node, std::uint64_t connection, Cut cut, std::uint64_t token = 1) {
    node.partition.store(Node::seat(connection), kClient, std::move(cut), token);
  }
  void release(Node& node, std::uint64_t connection, std::optional<Cut> cut) {
    node.partition.release(Node::seat(connection), kClient, std::move(cut));
  }
  void steward(Node& node) {
    node.partition.assign(true, now());
    run();
  }
  void checkpoint(Node& node, Offsets position = {}) {
    node.partition.write_owner_checkpoint(position, node.partition.as_of(), {});
  }
  /// A persistent session with the cut, offline.
  void make_session(Cut cut) {
    connect(a, 99);
    run();
    release(a, 99, std::move(cut));
    run();
    for (Node* node : nodes) node->events.clear();
  }

  [[nodiscard]] const Entry& entry(const Node& node) const { return *node.partition.view().find(kClient); }
  [[nodiscard]] Cut cut(const Node& node) const { return node.partition.view().cut(kClient, entry(node)); }
  /// Records of that kind which wait to be written.
  [[nodiscard]] static std::size_t waiting(const Node& node, Kind kind) {
    return static_cast<std::size_t>(
        std::ranges::count_if(node.writes, [kind](const auto& write) { return write.first.kind == kind; }));
  }

 private:
  static constexpr std::chrono::seconds kStart{1'000'000};
  static constexpr int kMostTurns = 100;
};

}  // namespace mqttproxy::cluster::test
