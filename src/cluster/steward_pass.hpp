// What a steward has found is written down session by session, as much at a time as others can wait for, and then the
// checkpoint that says so.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "history.hpp"
#include "offline.hpp"
#include "partition.hpp"

namespace mqttproxy::cluster {

/// Once over the offline sessions of one partition. Everything given must outlive it. Owner: one thread.
class StewardPass {
 public:
  using Partitions = std::vector<std::unique_ptr<Partition>>;  // by number

  /// Over the first partition from `number` on that this node is the steward of; nullopt when there is none.
  [[nodiscard]] static std::optional<StewardPass> begin(const Partitions& partitions, std::size_t number,
                                                        OfflineSessions& offline, const History& history);

  /// The next session that has changed. False: there is none any more, or this node is no longer the steward.
  bool write_next();
  /// Once all that write_next() has written is stored. What is found while the pass goes on is beyond the position it
  /// began with, which is what this says.
  void write_checkpoint() const;
  /// Of the partition.
  [[nodiscard]] std::size_t number() const noexcept { return number_; }

 private:
  StewardPass(Partition& partition, std::size_t number, OfflineSessions& offline, const History& history);

  std::size_t number_;
  Partition* partition_;
  OfflineSessions* offline_;
  LifeId steward_;
  Offsets position_;
  std::int64_t as_of_;
  std::vector<std::string> behind_;
  std::vector<OfflineSessions::Slot> changed_;
  std::size_t next_ = 0;
};

}  // namespace mqttproxy::cluster
