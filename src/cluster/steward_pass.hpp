// What a steward has found is written down session by session, as much at a time as others can wait for, and then the
// checkpoint that says so.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "history.hpp"
#include "offline.hpp"
#include "partition.hpp"

namespace mqttproxy::cluster {

/// Once over the offline sessions of one partition. Everything given must outlive it. Owner: one thread.
class StewardPass {
 public:
  /// Precondition: partition.stewarding().
  StewardPass(Partition& partition, std::int32_t number, OfflineSessions& offline, const History& history);

  /// The next session that has changed. False: there is none any more, or this node is no longer the steward.
  bool write_next();
  /// Once all that write_next() has written is stored. What is found while the pass goes on is beyond the position it
  /// began with, which is what this says.
  void write_checkpoint() const;

 private:
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
