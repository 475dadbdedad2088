#include "load/uplink.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "load/connection.hpp"
#include "load/error.hpp"
#include "load/handshakes.hpp"
#include "load/sockets.hpp"

namespace mqttproxy::bench {
namespace {

/// One ring for all connections, or one each when the topic names the connection.
std::vector<PacketRing> publish_rings(const Options& options) {
  constexpr std::string_view kNumber = "%c";
  constexpr std::uint64_t kMostBytes = 1 << 30;
  const std::uint32_t slots = ring_slots(options.window);
  const std::size_t number_at = options.topic.find(kNumber);
  const std::uint64_t rings = number_at == std::string::npos ? 1 : options.connections;
  if (rings * slots * (options.payload_bytes + options.topic.size()) > kMostBytes) {
    throw LoadError("the packets would take more than 1 GiB: smaller --payload or --window, or --topic without %c");
  }
  std::vector<PacketRing> result;
  for (std::uint64_t i = 0; i < rings; ++i) {
    std::string topic = options.topic;
    if (rings > 1 || number_at != std::string::npos) topic.replace(number_at, kNumber.size(), std::to_string(i));
    result.push_back(PacketRing::publish(topic, options.payload_bytes, options.qos, slots));
  }
  return result;
}

/// A stretch of load that ends with nothing under way.
struct Section {
  std::uint64_t messages = 0;
  Nanoseconds elapsed{0};
  Histogram latency;
};

/// One thread, one epoll. Closed loop (rate 0): every acknowledgement makes room for a message that is sent in the
/// same wake-up. Paced: a timer hands out due messages round robin; a message that finds no room keeps its due time,
/// so a slow server shows in the latency instead of slowing the clock.
class Uplink {
 public:
  explicit Uplink(const Options& options)
      : options_(options),
        rings_(publish_rings(options)),
        pubrels_(PacketRing::pubrel(ring_slots(options.window))),
        buffer_(std::size_t{64} * 1024) {
    auto handshakes = run_handshakes(options, options.connections, options.concurrency, AfterConnack::Keep);
    for (Fd& socket : handshakes.sockets) {
      const PacketRing& ring = rings_[publishers_.size() % rings_.size()];
      epoll_.add(socket.get(), EPOLLIN, publishers_.size());
      publishers_.emplace_back(std::move(socket), options.qos, options.window, ring, pubrels_);
    }
    wants_write_.resize(publishers_.size());
  }

  Section run(std::uint64_t messages, Nanoseconds duration) {
    section_ = Section{};
    unsent_ = messages;
    sending_ = true;
    begin_ = now_ = last_progress_ = monotonic_now();
    std::optional<IntervalTimer> timer;
    if (options_.rate > 0) {
      timer.emplace(pace_interval());
      epoll_.add(timer->fd(), EPOLLIN, kTimerTag);
    } else {
      for (std::size_t i = 0; i < publishers_.size(); ++i) advance(i);
    }
    while (sending_ || outstanding_ > 0) {
      const auto events = epoll_.wait(wait_step(options_.timeout));
      now_ = monotonic_now();
      for (const epoll_event& event : events) {
        if (event.data.u64 == kTimerTag) {
          timer->clear();
          pace(messages);
        } else {
          serve(event.data.u64, event.events);
        }
      }
      if (sending_ && (unsent_ == 0 || now_ - begin_ >= duration)) stop_sending();
      check_progress();
    }
    section_.elapsed = now_ - begin_;
    return std::exchange(section_, Section{});
  }

 private:
  static constexpr std::uint64_t kTimerTag = std::numeric_limits<std::uint64_t>::max();

  [[nodiscard]] Nanoseconds pace_interval() const {
    constexpr std::int64_t kFastestTick = 100'000;
    const auto exact = static_cast<std::int64_t>(1e9 / options_.rate);
    return Nanoseconds{std::max(exact, kFastestTick)};
  }

  void serve(std::size_t index, std::uint32_t events) {
    Publisher& publisher = publishers_[index];
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
      const auto progress = read(publisher, index);
      outstanding_ -= progress.completed + progress.pings;
      if (progress.completed + progress.pings > 0) last_progress_ = now_;
    }
    advance(index);
  }

  Publisher::Progress read(Publisher& publisher, std::size_t index) {
    try {
      return publisher.read(buffer_, now_, section_.latency);
    } catch (const LoadError& error) {
      throw LoadError("connection " + std::to_string(index) + ": " + error.what());
    }
  }

  /// Fills the connection's window (closed loop) and writes whatever it has to say.
  void advance(std::size_t index) {
    Publisher& publisher = publishers_[index];
    if (sending_ && options_.rate == 0) {
      const auto count = static_cast<std::uint32_t>(std::min<std::uint64_t>(publisher.room(), unsent_));
      for (std::uint32_t i = 0; i < count; ++i) stage(publisher, now_);
    }
    write(index);
  }

  void stage(Publisher& publisher, Nanoseconds started) {
    publisher.stage_publish(started);
    --unsent_;
    ++section_.messages;
    if (options_.qos > 0) {
      ++outstanding_;
    } else {
      last_progress_ = now_;
    }
  }

  void write(std::size_t index) {
    Publisher& publisher = publishers_[index];
    publisher.write();
    // At QoS 0 nothing comes back: a writable socket is what asks for the next messages.
    const bool wanted = publisher.blocked() || (sending_ && options_.qos == 0 && options_.rate == 0);
    if (wanted == wants_write_[index]) return;
    epoll_.modify(publisher.fd(), wanted ? EPOLLIN | EPOLLOUT : EPOLLIN, index);
    wants_write_[index] = wanted;
  }

  /// Messages due by now, one per connection in turn as long as there are no more due than connections.
  void pace(std::uint64_t messages) {
    if (!sending_) return;
    const double since_begin = std::chrono::duration<double>(now_ - begin_).count();
    const std::uint64_t due_by_now = std::min(static_cast<std::uint64_t>(since_begin * options_.rate), messages);
    std::uint64_t due = due_by_now - section_.messages;
    for (std::size_t visited = 0; visited < publishers_.size() && due > 0; ++visited) {
      const std::size_t index = next_paced_++ % publishers_.size();
      Publisher& publisher = publishers_[index];
      const std::uint64_t share = (due + publishers_.size() - visited - 1) / (publishers_.size() - visited);
      const std::uint64_t count = std::min<std::uint64_t>(share, publisher.room());
      for (std::uint64_t i = 0; i < count; ++i) {
        const double due_at = static_cast<double>(section_.messages + 1) / options_.rate * 1e9;
        stage(publisher, begin_ + Nanoseconds{static_cast<std::int64_t>(due_at)});
      }
      due -= count;
      if (count > 0) write(index);
    }
  }

  void stop_sending() {
    sending_ = false;
    for (std::size_t i = 0; i < publishers_.size(); ++i) {
      if (options_.qos == 0) {
        // The answer to a PINGREQ behind the last PUBLISH says that the server has read them all.
        publishers_[i].stage_ping();
        ++outstanding_;
      }
      write(i);
    }
  }

  void check_progress() const {
    if (now_ - last_progress_ <= options_.timeout || outstanding_ == 0) return;
    throw LoadError("no acknowledgement for " + std::to_string(options_.timeout.count()) + " s, " +
                    std::to_string(outstanding_) + " outstanding");
  }

  const Options& options_;
  std::vector<PacketRing> rings_;
  PacketRing pubrels_;
  std::vector<std::uint8_t> buffer_;
  Epoll epoll_;
  std::vector<Publisher> publishers_;
  std::vector<bool> wants_write_;

  Section section_;
  bool sending_ = false;
  std::uint64_t unsent_ = 0;
  std::uint64_t outstanding_ = 0;  // messages without their last acknowledgement, PINGREQs without PINGRESP
  std::size_t next_paced_ = 0;
  Nanoseconds now_{0};
  Nanoseconds begin_{0};
  Nanoseconds last_progress_{0};
};

}  // namespace

UplinkResult run_uplink(const Options& options) {
  constexpr std::uint64_t kNoLimit = std::numeric_limits<std::uint64_t>::max();
  const ServerProbe server(options.pid);
  Uplink uplink(options);
  if (options.warmup > Seconds{0}) {
    (void)uplink.run(kNoLimit, std::chrono::duration_cast<Nanoseconds>(options.warmup));
  }
  const auto server_before = server.cpu();
  const CpuTime own_before = own_cpu_time();
  const bool counted = options.messages > 0;
  Section section =
      uplink.run(counted ? options.messages : kNoLimit,
                 counted ? Nanoseconds::max() : std::chrono::duration_cast<Nanoseconds>(options.duration));
  UplinkResult result;
  result.own_cpu = own_cpu_time() - own_before;
  if (server_before) result.server_cpu = *server.cpu() - *server_before;
  result.server_resident_bytes = server.resident_bytes();
  result.messages = section.messages;
  result.elapsed = section.elapsed;
  result.latency = section.latency;
  return result;
}

}  // namespace mqttproxy::bench
