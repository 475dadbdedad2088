// One thread, one io_context, its own listening sockets, connections, sessions and pipelines. Nothing on the packet
// path takes a lock; other threads only post.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "mqttproxy/cluster/session_store.hpp"
#include "mqttproxy/downlink/bus.hpp"
#include "mqttproxy/kafka/producer.hpp"
#include "mqttproxy/pipeline/pipeline.hpp"
#include "mqttproxy/session/slab.hpp"

#include "arrival.hpp"
#include "connection.hpp"
#include "counters.hpp"
#include "fanout.hpp"
#include "poller.hpp"
#include "shared.hpp"
#include "wills.hpp"

namespace mqttproxy::net {

/// A handle as one number, for those who know no handles.
[[nodiscard]] constexpr std::uint64_t id_of(session::Handle handle) noexcept {
  return std::uint64_t{handle.slot} << 32U | handle.generation;
}
[[nodiscard]] constexpr session::Handle handle_of(std::uint64_t id) noexcept {
  return {static_cast<std::uint32_t>(id >> 32U), static_cast<std::uint32_t>(id)};
}

class Worker final : public kafka::ReportSink, public downlink::WorkerPort, public cluster::OwnerPort {
 public:
  using Clock = std::chrono::steady_clock;

  Worker(unsigned index, std::shared_ptr<const config::Config> config, Shared& shared);
  ~Worker() override;

  // From any thread.
  void on_reports(std::vector<kafka::Report> reports) override;
  void on_room() override;
  [[nodiscard]] bool deliver(const downlink::MessagePtr& message) override;
  void begin(std::int32_t partition, std::int64_t offset) override;
  [[nodiscard]] const Fanout& fanout() const noexcept { return fanout_; }
  /// Sweeps so far: four a second, unless this thread hangs.
  [[nodiscard]] std::uint64_t sweeps() const noexcept { return sweeps_.get(); }
  /// Of all sessions. Whoever has got its SUBACK is counted.
  [[nodiscard]] std::uint64_t subscriptions() const noexcept {
    return counters_.outbox[session::OutboxEvent::Subscriptions].get();
  }
  /// Of all workers; others may be at work on theirs. Any thread.
  [[nodiscard]] std::size_t persistent_sessions() const noexcept;
  void on_claimed(cluster::Seat seat, cluster::Claimed claimed) override;
  void on_stored(cluster::Seat seat, std::uint64_t token) override;
  void on_lost(cluster::Seat seat, cluster::Loss loss) override;
  void on_recovered(cluster::Seat seat, std::vector<cluster::Recovered> messages, bool complete) override;
  void on_collect(std::uint64_t round) override;
  /// Runs `task` on this worker's thread; never, when that has ended.
  void post(std::function<void(Worker&)> task);
  [[nodiscard]] unsigned home_of(std::string_view client_id) const noexcept;
  void post_arrival(Arrival arrival);
  void post_filter_result(session::Handle connection, pipeline::FilterResult result);
  /// A reload: pipelines, limits, certificates. Connections stay; what they have begun ends as it began.
  void post_revision(Revision revision);
  void post_stop_reading();
  /// Closes everything in batches, then lets run() return.
  void post_close_all();

  // From main, before start().
  void set_peers(std::vector<Worker*> peers) { peers_ = std::move(peers); }
  /// In the order of Revision::tls, which says whether it speaks TLS.
  void add_listener(std::size_t proxy, int fd, bool proxy_protocol, Places::Door& door);
  /// Afterwards post_revision().
  void apply(Revision revision);
  void start();
  /// Lets run() return without closing anything: a start that failed. Any thread.
  void stop();
  void join();
  [[nodiscard]] const WorkerCounters& counters() const noexcept { return counters_; }

  // For connections: this worker's thread.
  [[nodiscard]] boost::asio::io_context& io() noexcept { return io_; }
  [[nodiscard]] WorkerCounters& counters() noexcept { return counters_; }
  [[nodiscard]] Shared& shared() noexcept { return shared_; }
  [[nodiscard]] pipeline::Context& context() noexcept { return context_; }
  [[nodiscard]] session::Slab<Publication>& publications() noexcept { return publications_; }
  [[nodiscard]] std::uint64_t token(session::Handle publication) const noexcept;
  [[nodiscard]] unsigned index() const noexcept { return index_; }
  [[nodiscard]] const config::LimitsConfig& limits() const noexcept { return config_->node.limits; }
  [[nodiscard]] bool reading_stopped() const noexcept { return reading_stopped_; }
  /// Another one with each reload.
  [[nodiscard]] std::uint32_t revision() const noexcept { return revision_; }
  /// A client id nobody else has, whose home is this worker [MQTT-3.1.3-6].
  [[nodiscard]] std::string generate_client_id();
  [[nodiscard]] Connection* find(session::Handle connection) noexcept;
  /// For looking at all of them bit by bit: slots 0 to connection_slots()-1; nullptr where there is none.
  [[nodiscard]] std::uint32_t connection_slots() const noexcept { return connections_.slots(); }
  [[nodiscard]] const Connection* connection_in(std::uint32_t slot) const noexcept {
    const Cell* cell = connections_.in_slot(slot);
    return cell == nullptr ? nullptr : cell->connection.get();
  }
  [[nodiscard]] cluster::Seat seat(session::Handle connection) const noexcept;
  /// nullptr: no proxy has that name.
  [[nodiscard]] ProxyRuntime* proxy(std::string_view name) noexcept;
  /// Disconnects the client and drops its session. False: there is none.
  bool remove_session(ProxyRuntime& proxy, std::string_view client_id);
  void set_deadline(session::Handle connection, Clock::time_point deadline) noexcept;
  /// Poller::watch for a connection, whose on_readable() and on_writable() are called then.
  [[nodiscard]] bool watch(int fd, session::Handle connection, std::uint32_t before, std::uint32_t wanted) noexcept {
    return poller_.watch(fd, id_of(connection), before, wanted);
  }
  void erase(session::Handle connection);
  void wait_for_room(session::Handle connection);
  /// on_time() with the next sweep.
  void wait_for_time(session::Handle connection) { waiting_for_time_.push_back(connection); }
  /// The connection gives up a PUBLISH before all its records are with a producer. Unknown handles are ignored.
  void abandon(session::Handle publication) noexcept;
  void move_home(session::Handle connection, unsigned home, Arrival arrival);
  void note_outcome(const Publication& publication, session::Stamp now) noexcept;
  [[nodiscard]] Wills& wills() noexcept { return wills_; }

  /// Two buffers every connection of this worker shares while one of its handlers runs.
  static constexpr std::size_t kReadBytes = 64 * 1024;
  static constexpr std::size_t kMergeBytes = 4 * 1024;  // a partial packet up to this is put in front of a read
  [[nodiscard]] char* read_buffer() noexcept { return read_buffer_.get(); }
  [[nodiscard]] std::string& reply_buffer() noexcept { return reply_buffer_; }

 private:
  struct Cell {
    std::unique_ptr<Connection> connection;
    Clock::time_point deadline = Clock::time_point::max();
  };
  struct Listener {
    boost::asio::posix::stream_descriptor socket;
    std::size_t proxy;
    bool proxy_protocol;
    Places::Door* door;
    std::shared_ptr<const TlsContext> tls{};  // nullptr: plain
    bool paused = false;                      // accept failed; the next sweep tries again
  };

  void on_event(std::uint64_t id, std::uint32_t events);
  void await_connections(Listener& listener);
  void accept_batch(Listener& listener);
  [[nodiscard]] std::optional<Places::Place> find_place(const Listener& listener, const boost::asio::ip::address& peer);
  void welcome(const Listener& listener, Arrival arrival);
  void adopt(Arrival arrival);
  void settle(const std::vector<kafka::Report>& reports);
  void settle_publication(session::Handle handle, Publication& publication, session::Stamp now);
  void resume_waiting();
  template <class Call>
  void post_to(cluster::Seat seat, Call&& call);
  void report(std::uint64_t round);
  void schedule_sweep();
  void sweep();
  void note_sessions() noexcept;
  void close_batch();

  const unsigned index_;
  std::shared_ptr<const config::Config> config_;
  Shared& shared_;
  WorkerCounters counters_;
  metrics::Counter sweeps_;
  boost::asio::io_context io_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  boost::asio::steady_timer sweep_timer_;
  Poller poller_;
  Fanout fanout_;
  std::vector<Worker*> peers_;
  std::deque<Listener> listeners_;
  std::deque<ProxyRuntime> proxies_;
  pipeline::Context context_;
  session::Slab<Cell> connections_;
  session::Slab<Publication> publications_;
  std::vector<session::Handle> waiting_for_room_;
  std::vector<session::Handle> waiting_for_time_;
  std::vector<session::Handle> settled_;  // connections with due acknowledgements, during one batch of reports
  Wills wills_;
  /// Positions at the last two reports. What is reported trails by that much, so that only clients slower than that
  /// cost the store a record.
  std::array<cluster::Offsets, 2> trailing_;
  std::unique_ptr<char[]> read_buffer_;
  std::string reply_buffer_;
  std::mt19937_64 random_;
  Clock::time_point next_session_sweep_{};
  std::uint32_t revision_ = 0;
  bool reading_stopped_ = false;
  std::thread thread_;
};

}  // namespace mqttproxy::net
