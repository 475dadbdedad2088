// The Cluster. Everything it knows belongs to one thread, `cluster`; the others parse and post:
//
//   consumer of the sessions topic   records → partitions            cluster_log.cpp
//   producer's report thread         whether writes are stored       cluster_log.cpp
//   bus                              messages → inbox                cluster_stream.cpp
//   range reader                     old messages → history          cluster_stream.cpp
//   group member                     assigned partitions             cluster.cpp
//   workers                          SessionStore                    cluster_store.cpp
//   HTTP threads                     questions                       directory.cpp
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "mqttproxy/cluster/cluster.hpp"
#include "mqttproxy/kafka/consumer.hpp"
#include "mqttproxy/kafka/group_member.hpp"
#include "mqttproxy/kafka/producer.hpp"
#include "mqttproxy/kafka/range_reader.hpp"

#include "history.hpp"
#include "offline.hpp"
#include "partition.hpp"
#include "steward_pass.hpp"

namespace mqttproxy::cluster {

enum class ClusterEvent : std::uint8_t {
  RecordsWritten,
  RecordsRead,
  RecordsIgnored,  // read, and every node ignores them
  RecordsBad,      // no records of ours
  Restarts,        // lives begun anew because a write was not known to be stored
  SessionsExpired,
  FencedHere,  // connections of this node closed by a fence
  ReferencesTrimmed,
  Clients,     // gauge: client ids known
  Sessions,    // gauge: persistent ones
  Online,      // gauge: claimed, on all nodes
  Stewarding,  // gauge: partitions
  Count_,
};

class ClusterImpl final : public Cluster,
                          public SessionStore,
                          public downlink::WorkerPort,
                          private kafka::RecordHandler,
                          private kafka::RangeHandler,
                          private kafka::AssignmentHandler,
                          private kafka::ReportSink,
                          private Effects {
 public:
  ClusterImpl(const ClusterOptions& options, metrics::Registry& metrics);
  ~ClusterImpl() override;

  // Cluster
  SessionStore& store() noexcept override { return *this; }
  downlink::WorkerPort& port() noexcept override { return *this; }
  std::unique_ptr<downlink::SessionDirectory> directory(downlink::SessionDirectory& local) override;
  void start(std::vector<OwnerPort*> workers) override;
  std::string reason_not_ready() const override;
  void drain(std::chrono::milliseconds timeout) override;

  // SessionStore
  void claim(Seat seat, ClaimRequest request) override;
  void release(Seat seat, std::optional<Cut> cut) override;
  void store(Seat seat, Cut cut, std::uint64_t token) override;
  void recover(Seat seat, Recovery recovery) override;
  void report(std::uint32_t worker, std::uint64_t round, Progress progress) override;

  // downlink::WorkerPort
  bool deliver(const downlink::MessagePtr& message) override;
  void begin(std::int32_t partition, std::int64_t offset) override;
  void started() override;

  // For the directory: runs `task` on the cluster's thread.
  void post(std::function<void(ClusterImpl&)> task);
  // On that thread:
  [[nodiscard]] std::size_t partitions() const noexcept { return partitions_.size(); }
  [[nodiscard]] Partition& partition(std::size_t number) noexcept { return *partitions_[number]; }
  [[nodiscard]] Partition* partition_of(std::string_view client);
  [[nodiscard]] const std::string& life() const noexcept { return life_.incarnation; }
  [[nodiscard]] const Incarnations& incarnations() const noexcept { return incarnations_; }

 private:
  using Clock = std::chrono::steady_clock;
  struct Parsed {
    std::int32_t partition = 0;
    std::int64_t offset = 0;
    std::chrono::system_clock::time_point time{};
    std::optional<Key> key;
    std::optional<Record> record;
  };
  struct Item {  // of the inbox: a message, or where a partition begins
    downlink::MessagePtr message;
    std::int32_t partition = 0;
    std::int64_t offset = 0;
  };
  struct Round {
    std::uint64_t number = 0;
    std::vector<std::int64_t> as_of;  // by sessions partition, when it began
    std::vector<Progress> progress;
    std::vector<bool> reported;  // by worker
    Clock::time_point begun{};
    Clock::time_point ended{};
    bool open = false;     // workers are to report
    bool waiting = false;  // all have; what they said is still to be stored
  };

  // kafka::RecordHandler
  std::size_t on_records(std::span<const kafka::ConsumedRecord> records) override;
  void on_partition(std::int32_t partition, std::int64_t first, std::int64_t end) override;
  void on_partition_end(std::int32_t partition, std::int64_t offset) override;
  void on_started() override;
  // kafka::RangeHandler
  void on_range(const kafka::OffsetRange& range, std::span<const kafka::ConsumedRecord> records) override;
  void on_range_end(const kafka::OffsetRange& range, std::int64_t oldest) override;
  // kafka::AssignmentHandler
  void on_assignment(std::vector<std::int32_t> partitions) override;
  // kafka::ReportSink
  void on_reports(std::vector<kafka::Report> reports) override;
  void on_room() override {}
  // Effects
  void write(std::int32_t partition, const Key& key, const Record& record) override;
  void claimed(Seat seat, Claimed claimed) override;
  void stored(Seat seat, std::uint64_t token) override;
  void lost(Seat seat, Loss loss) override;
  void adopt(std::int32_t partition, const std::string& client, LifeId claim, Cut cut) override;
  void drop(std::int32_t partition, const std::string& client) override;
  void drop_all(std::int32_t partition) override;
  bool adopted(std::int32_t partition, const std::string& client) override;
  Cut collected(std::int32_t partition, const std::string& client) override;

  // cluster_log.cpp
  void apply(const std::vector<Parsed>& records);
  void settle(const std::vector<kafka::Report>& reports);
  void when_stored(std::function<void()> then);
  void fail(std::string reason);
  void give_up_life();
  void restart_life();
  void reset_partition(std::int32_t number, std::int64_t offset);
  void note_loaded();
  // cluster_store.cpp
  void do_claim(Seat seat, const ClaimRequest& request);
  void do_recover(Seat seat, const Recovery& recovery);
  void forget(Seat seat);
  void claim_early();
  /// Persistent ones, of all nodes.
  [[nodiscard]] std::size_t sessions() const;
  [[nodiscard]] Cut bounded(Cut cut);
  // cluster_checkpoints.cpp
  void begin_round(Clock::time_point now);
  void end_round();
  [[nodiscard]] bool writes_hang(Clock::time_point now) const;
  void write_stewards(Clock::time_point now);
  void write_slice();
  void write_some(std::size_t most_bytes);
  void write_last();
  // cluster_stream.cpp
  void take_messages();
  void pump();
  // cluster.cpp
  void schedule_tick();
  void tick();
  void count();
  void collect(metrics::Scrape& scrape) const;
  void set_reason(std::string reason);

  struct Seated {
    std::string client;
    History::JobId recovery = 0;
  };

  const ClusterOptions options_;
  boost::asio::io_context io_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  boost::asio::steady_timer timer_;
  boost::asio::steady_timer slice_timer_;
  boost::asio::steady_timer restart_timer_;
  std::vector<OwnerPort*> workers_;

  Life life_;
  Incarnations incarnations_;
  std::vector<std::unique_ptr<Partition>> partitions_;
  bool streaming_ = false;  // every partition of the downlink topic has begun, for workers as well
  bool started_ = false;    // the number of partitions is known
  bool loaded_ = false;
  Clock::time_point created_ = Clock::now();
  Clock::time_point last_progress_{};
  std::vector<std::pair<Seat, ClaimRequest>> early_;  // claims before that
  std::vector<std::int32_t> assignment_;
  std::map<Seat, Seated> seats_;
  Round round_;
  std::optional<StewardPass> pass_;
  Clock::time_point next_steward_{};
  Clock::time_point next_expiry_{};
  Clock::time_point next_give_up_{};
  std::size_t written_bytes_ = 0;  // by the slice under way
  // Writes that are not known to be stored, by token, with the time they were made; and what must not be written before
  // those up to a token are: a checkpoint says that what was written before it counts.
  std::map<std::uint64_t, Clock::time_point> unstored_;
  std::deque<std::pair<std::uint64_t, std::function<void()>>> after_;
  std::uint64_t next_token_ = 1;
  bool failed_ = false;  // a write failed: nothing is written before the next life begins
  bool pumping_ = false;

  History history_;
  OfflineSessions offline_;

  mutable std::mutex inbox_mutex_;
  std::deque<Item> inbox_;
  std::size_t inbox_bytes_ = 0;
  bool inbox_running_ = false;

  std::atomic<std::size_t> unread_{0};  // parsed and not applied
  std::atomic<Clock::rep> last_tick_{};
  std::atomic<kafka::Topic*> topic_{nullptr};
  mutable std::mutex reason_mutex_;
  std::string reason_ = "sessions: not loaded yet";

  metrics::CounterSet<ClusterEvent> counters_;
  std::unique_ptr<kafka::Producer> producer_;
  std::unique_ptr<kafka::Consumer> consumer_;
  std::unique_ptr<kafka::RangeReader> reader_;
  std::unique_ptr<kafka::GroupMember> member_;
  metrics::Registry::Handle metrics_;
  std::thread thread_;
};

}  // namespace mqttproxy::cluster
