// Who searches a partition of the downlink topic, and how far they have come.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <vector>

#include "mqttproxy/util/index_pool.hpp"

namespace mqttproxy::cluster {

/// Owner: one thread. Scans that stand at the same offset go on together: that costs as much as one, however many they
/// are, and they stay together until each one's end.
class Scans {
 public:
  using JobId = std::uint32_t;  // the caller's number for who searches
  using Id = std::uint32_t;     // of one scan
  static constexpr std::int64_t kNowhere = std::numeric_limits<std::int64_t>::max();

  /// Of [at, end), which is not empty.
  Id add(JobId job, std::int64_t at, std::int64_t end);
  void remove(Id scan);

  /// True when it stands at `from` or above, and `offset` still belongs to what it searches.
  [[nodiscard]] bool wants(Id scan, std::int64_t from, std::int64_t offset) const noexcept;
  /// The lowest offset from `least` on where a scan stands.
  [[nodiscard]] std::int64_t next(std::int64_t least) const;
  /// How far to go for those that stand at `from` and above: not beyond `limit`, nor over more than `gap` offsets
  /// behind `to` that nobody wants.
  [[nodiscard]] std::int64_t reach(std::int64_t from, std::int64_t to, std::int64_t gap, std::int64_t limit) const;
  /// Takes those that stand in [from, to) to `to`. Returns whose scan has ended with that: it is gone.
  [[nodiscard]] std::vector<JobId> advance(std::int64_t from, std::int64_t to);

 private:
  struct Group {  // scans at one offset
    std::int64_t at = 0;
    std::map<std::int64_t, std::vector<Id>> by_end;
    std::size_t size = 0;
  };
  struct Scan {
    Group* group = nullptr;
    std::int64_t end = 0;
    JobId job = 0;
    std::uint32_t index = 0;  // among those of its group with its end
  };

  void place(Id scan, Group& group, std::vector<Id>& same_end);
  void end_some(Group& group, std::vector<JobId>& ended);
  void settle(std::unique_ptr<Group> group);
  void absorb(Group& group, const Group& smaller);

  util::IndexPool<Scan> scans_;
  std::map<std::int64_t, std::unique_ptr<Group>> groups_;  // by offset
};

}  // namespace mqttproxy::cluster
