// What sessions have missed: the latest messages of the downlink topic from memory, older ones from Kafka. What many
// sessions wait for is read once, in the order of the offsets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "mqttproxy/cluster/session_store.hpp"
#include "mqttproxy/kafka/range_reader.hpp"
#include "mqttproxy/metrics/metrics.hpp"
#include "mqttproxy/mqtt/subscription_tree.hpp"

#include "scans.hpp"

namespace mqttproxy::cluster {

/// A record read again: nullptr where it is no message, or one that has expired.
struct PastMessage {
  std::int64_t offset = 0;
  downlink::MessagePtr message;
};

enum class HistoryEvent : std::uint8_t {
  Recoveries,      // begun
  FromMemory,      // messages found in memory
  FromKafka,       // … and read again
  ReferencesLost,  // below the topic's retention, or where the stream never came
  ScansCut,        // times that a partition was searched below the topic's retention, whoever for
  MemoryMessages,  // gauge
  MemoryBytes,     // gauge
  Waiting,         // gauge: recoveries under way
  Count_,
};
using HistoryCounters = metrics::CounterSet<HistoryEvent>;

/// Owner: one thread.
class History {
 public:
  /// Has Kafka read a range; on_range() and on_range_end() bring it back.
  using Read = std::function<void(const kafka::OffsetRange&)>;
  /// The next messages, in order; `complete` with the last ones. May call cancel(), not recover().
  using Sink = std::function<void(std::vector<Recovered> messages, bool complete)>;
  using JobId = std::uint32_t;

  History(std::size_t memory_bytes, Read read);
  History(const History&) = delete;
  History& operator=(const History&) = delete;

  /// The stream of messages: where a partition begins, and then the next one of it.
  void begin(std::int32_t partition, std::int64_t offset);
  void add(const downlink::MessagePtr& message);
  /// Of what was added.
  [[nodiscard]] const Offsets& position() const noexcept { return position_; }

  /// First the references in their order, then what matches. pump() does the work.
  JobId recover(const std::string& proxy, const Recovery& recovery, Sink sink);
  void cancel(JobId job);
  /// Gives up the references that the stream had not come to at the last call and has not come to now: an expired
  /// message that nothing follows, a partition that is there no more, a topic that was made anew. Should it come yet,
  /// the session gets it as it gets everything new.
  void give_up_beyond();

  void on_range(const kafka::OffsetRange& range, const std::vector<PastMessage>& messages);
  void on_range_end(const kafka::OffsetRange& range, std::int64_t oldest);

  /// Does some of what can be done now; true: there is more.
  bool pump();
  [[nodiscard]] const HistoryCounters& counters() const noexcept { return counters_; }

 private:
  static constexpr Scans::Id kNoScan = std::numeric_limits<Scans::Id>::max();

  struct Owed {
    Reference reference;
    std::uint32_t index = 0;  // among those that wait for it
    downlink::MessagePtr message;
  };
  struct Waiting {  // for references; what is searched afterwards
    std::vector<Owed> owed;
    std::size_t missing = 0;  // of them, not found yet
    std::vector<Filter> filters;
    Offsets from;
    Offsets to;
  };
  struct Job {
    Sink sink;
    std::string proxy;
    std::unique_ptr<Waiting> waiting;  // null once it searches
    std::vector<mqtt::SubscriptionTree::FilterId> in_tree;
    std::vector<Scans::Id> scans;  // by partition; kNoScan where there is none, or none any more
    std::size_t scanning = 0;      // how many there are
    std::vector<Recovered> found;
    std::int64_t last_offset = -1;  // of the last match, for filters that overlap
    std::int32_t last_partition = -1;
    bool due = false;
  };
  struct Point {
    JobId job;            // 0: waits no more
    std::uint32_t index;  // in owed
    bool beyond = false;  // at the last give_up_beyond()
  };
  struct Points {  // of one offset; none changes its place, for its job knows it
    std::vector<Point> all;
    std::size_t waiting = 0;
  };
  struct Lane {  // one downlink partition
    std::deque<downlink::MessagePtr> recent;
    std::int64_t floor = 0;  // every message from here on is in `recent`
    bool begun = false;
    std::map<std::int64_t, Points> points;  // references by offset
    Scans scans;
    std::int64_t sweep = 0;        // where the sweep of the reads from Kafka goes on
    std::int64_t turn = 0;         // … and where the other places' turn does
    std::int64_t sweep_ahead = 0;  // what the sweep has had more than the others, as offsets
    std::int64_t read_at = 0;      // of the read under way: the next offset
    bool reading = false;
    bool scanning = false;  // … and not for references alone
  };

  [[nodiscard]] Lane& lane(std::int32_t partition);
  [[nodiscard]] Job* find(JobId job);
  void call_soon(JobId id, Job& job);
  void seek_owed(JobId id, Job& job);

  void settle_at(std::int32_t partition, std::int64_t offset, const downlink::MessagePtr& message);
  void settle_lost(std::int32_t partition, std::int64_t from, std::int64_t to);
  void settle_deleted(const kafka::OffsetRange& range, std::int64_t oldest);
  void settle(const Point& point, const downlink::MessagePtr& message, bool lost);
  void begin_scan(JobId id, Job& job);
  void add_scans(JobId id, Job& job, const Waiting& waited);
  void match(std::int32_t partition, std::int64_t from, const downlink::MessagePtr& message);
  void advance(std::int32_t partition, std::int64_t from, std::int64_t to);
  bool scan_recent(std::int32_t partition);
  [[nodiscard]] std::int64_t next_place(std::int32_t partition, std::int64_t least) const;
  [[nodiscard]] std::int64_t next_other(std::int32_t partition, std::int64_t sweep, std::int64_t sweep_to) const;
  [[nodiscard]] std::int64_t reach(std::int32_t partition, std::int64_t from) const;
  void plan_read(std::int32_t partition);
  void flush();
  void finish(JobId id);
  void wait_no_more(JobId id, const Owed& owed);
  void trim();

  const std::size_t memory_bytes_;
  const Read read_;
  std::deque<Lane> lanes_;  // by partition; references to them stay while they become more
  Offsets position_;
  std::deque<std::int32_t> order_;  // partitions of what is in memory, oldest first
  std::size_t bytes_ = 0;

  std::unordered_map<JobId, Job> jobs_;
  JobId next_job_ = 1;
  mqtt::SubscriptionTree tree_;  // filters of the jobs that scan
  std::vector<JobId> due_;       // jobs whose sink has something to get
  HistoryCounters counters_;
};

}  // namespace mqttproxy::cluster
