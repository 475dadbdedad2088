// A simulated node: the real protocol code of `cluster`, with what its threads do turned into single steps.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cluster/history.hpp"
#include "cluster/offline.hpp"
#include "cluster/partition.hpp"
#include "cluster/steward_pass.hpp"
#include "sim_clients.hpp"
#include "sim_log.hpp"
#include "sim_worker.hpp"

namespace mqttproxy::cluster::sim {

/// All that nodes have in common.
struct Shared {
  Time time;
  std::vector<SessionsLog> sessions;  // partitions
  Downlink downlink;
  std::uint64_t lives = 0;
  std::size_t memory_bytes = 0;  // of a node's latest messages
};

class Node final : public SessionStore, private Effects {
 public:
  /// All must outlive it.
  Node(std::string name, Shared& shared, Clients& clients);

  // Steps.
  /// The oldest write to that partition is in the log. Returns the record.
  std::pair<Key, Record> flush(std::size_t partition);
  /// It is not, and never will be.
  void lose_write(std::size_t partition);
  void read(std::size_t partition);
  void consume(std::size_t downlink_partition);
  /// Kafka answers a read of old messages, by at most `records` of them.
  void read_range(std::int32_t downlink_partition, std::int64_t records);
  /// The oldest call of a worker is handled.
  void turn();
  void tick();
  void begin_round();
  /// All that there is to write, and a step of it: other things can come between those.
  void write_stewards();
  void go_on_writing();
  void expire();
  void assign(std::size_t partition, bool assigned) {
    assigned_[partition] = assigned;
    partitions_[partition]->assign(assigned, shared_.time.steady());
  }
  void remove(ClientNumber client);

  [[nodiscard]] bool has_turn() const noexcept { return !inbox_.empty(); }
  [[nodiscard]] bool has_write(std::size_t partition) const noexcept { return !writes_[partition].empty(); }
  [[nodiscard]] std::int64_t next(std::size_t partition) const noexcept { return partitions_[partition]->next(); }
  [[nodiscard]] std::int64_t consumed(std::size_t downlink_partition) const noexcept {
    return offset_in(history_.position(), static_cast<std::int32_t>(downlink_partition));
  }
  [[nodiscard]] const std::map<std::int32_t, kafka::OffsetRange>& ranges() const noexcept { return ranges_; }
  [[nodiscard]] bool assigned(std::size_t partition) const noexcept { return assigned_[partition]; }
  [[nodiscard]] const std::string& life() const noexcept { return life_.incarnation; }
  [[nodiscard]] Worker& worker() noexcept { return worker_; }

  // SessionStore
  void claim(Seat seat, ClaimRequest request) override;
  void release(Seat seat, std::optional<Cut> cut) override;
  void store(Seat seat, Cut cut, std::uint64_t token) override;
  void recover(Seat seat, Recovery recovery) override;
  void report(std::uint32_t worker, std::uint64_t round, Progress progress) override;

 private:
  struct Seated {
    std::string client;
    History::JobId recovery = 0;
  };
  struct Write {
    Line line;
    std::uint64_t token = 0;
  };
  struct Round {
    std::uint64_t number = 0;
    std::vector<std::int64_t> as_of;
    bool open = false;
  };

  // Effects
  void write(std::int32_t partition, const Key& key, const Record& record) override;
  void claimed(Seat seat, Claimed claimed) override { worker_.on_claimed(seat, std::move(claimed)); }
  void stored(Seat seat, std::uint64_t token) override { worker_.on_stored(seat, token); }
  void lost(Seat seat, Loss loss) override;
  void adopt(std::int32_t partition, const std::string& client, LifeId claim, Cut cut) override;
  void drop(std::int32_t partition, const std::string& client) override { offline_.drop(partition, client); }
  void drop_all(std::int32_t partition) override { offline_.drop_all(partition); }
  bool adopted(std::int32_t partition, const std::string& client) override { return offline_.has(partition, client); }
  Cut collected(std::int32_t partition, const std::string& client) override { return offline_.cut(partition, client); }

  void begin_life();
  void forget(Seat seat);
  void end_round(Progress progress);
  void settle(std::uint64_t token);
  void when_stored(std::function<void()> then);
  void pump();
  [[nodiscard]] std::size_t partition_of(std::string_view client) const;

  const std::string name_;
  Shared& shared_;
  Life life_;
  Incarnations incarnations_;
  History history_;
  OfflineSessions offline_;
  std::vector<std::unique_ptr<Partition>> partitions_;
  std::vector<bool> assigned_;
  std::deque<std::function<void()>> inbox_;
  std::map<Seat, Seated> seats_;
  Round round_;
  std::optional<StewardPass> pass_;

  std::vector<std::deque<Write>> writes_;   // by partition
  std::map<std::uint64_t, bool> unstored_;  // tokens
  std::deque<std::pair<std::uint64_t, std::function<void()>>> after_;
  std::uint64_t next_token_ = 1;
  std::map<std::int32_t, kafka::OffsetRange> ranges_;  // what Kafka is to read, less what it has read

  Worker worker_;
};

}  // namespace mqttproxy::cluster::sim
