// Offline sessions this node looks after: what they miss is kept as references, not payloads.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "mqttproxy/cluster/session_store.hpp"
#include "mqttproxy/metrics/metrics.hpp"
#include "mqttproxy/mqtt/subscription_tree.hpp"

#include "history.hpp"
#include "records.hpp"

namespace mqttproxy::cluster {

enum class OfflineEvent : std::uint8_t {
  Sessions,    // gauge
  References,  // gauge
  Collected,   // references added
  Dropped,     // … and dropped because a session had too many
  Count_,
};
using OfflineCounters = metrics::CounterSet<OfflineEvent>;

/// Owner: one thread.
class OfflineSessions {
 public:
  /// `history` must outlive it. `most_references`: per session; then the oldest goes, or with `drop_newest` the new
  /// one.
  OfflineSessions(History& history, std::size_t most_references, bool drop_newest)
      : history_(history), most_references_(most_references), drop_newest_(drop_newest) {}

  void adopt(std::int32_t partition, const std::string& client, LifeId claim, Cut cut);
  void drop(std::int32_t partition, const std::string& client);
  void drop_all(std::int32_t partition);
  [[nodiscard]] bool has(std::int32_t partition, const std::string& client) const;
  /// Precondition: has().
  [[nodiscard]] Cut cut(std::int32_t partition, const std::string& client) const;

  /// The next message of the stream; the history has it already. Returns how many sessions miss it.
  std::size_t on_message(const downlink::MessagePtr& message);

  using Slot = std::uint32_t;
  /// Sessions of the partition with references that were not stored yet. Each of them is to be stored once.
  [[nodiscard]] std::vector<Slot> take_changed(std::int32_t partition);
  struct Changed {
    std::string client;
    LifeId claim;
    Cut cut;
  };
  /// What there is to store of it now; nullopt when the session is not looked after any more.
  [[nodiscard]] std::optional<Changed> store(Slot slot);
  /// Sessions whose gap has not been searched yet.
  [[nodiscard]] std::vector<std::string> behind(std::int32_t partition) const;
  [[nodiscard]] const OfflineCounters& counters() const noexcept { return counters_; }

 private:
  struct Session {
    std::int32_t partition = 0;
    std::string proxy;
    std::string client;
    LifeId claim;
    std::vector<Filter> filters;
    std::vector<mqtt::SubscriptionTree::FilterId> in_tree;
    std::vector<Reference> references;
    std::size_t early = 0;          // of them, from before `from`: what the gap brings comes behind
    Offsets from;                   // of the cut; live messages before it are not missed
    History::JobId gap = 0;         // the search for what came between `from` and the adoption; 0: done
    std::int64_t last_offset = -1;  // of the last match, for filters that overlap
    std::int32_t last_partition = -1;
    bool changed = false;  // it has references that were not stored yet
  };
  using ByClient = std::unordered_map<std::string, Slot>;

  [[nodiscard]] ByClient& clients(std::int32_t partition);
  [[nodiscard]] Cut cut(const Session& session) const;
  /// False: it was dropped, the session has too many.
  bool missed(Slot slot, Session& session, const Reference& reference, std::size_t at);
  void note_changed(Slot slot, const Session& session);
  void on_gap(Slot slot, const std::vector<Recovered>& messages, bool complete);
  void remove(Slot slot);

  History& history_;
  const std::size_t most_references_;
  const bool drop_newest_;
  std::unordered_map<Slot, Session> sessions_;
  Slot next_slot_ = 1;
  std::vector<ByClient> by_client_;         // by partition
  std::vector<std::vector<Slot>> changed_;  // without those that are behind
  std::vector<std::set<Slot>> behind_;
  mqtt::SubscriptionTree tree_;
  OfflineCounters counters_;
};

}  // namespace mqttproxy::cluster
