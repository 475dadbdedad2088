// The way into the queue: counts who is inside, who was turned away, and keeps the door shut while the librdkafka
// handle behind it is being replaced.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

#include "mqttproxy/kafka/producer.hpp"

#include "client.hpp"

namespace mqttproxy::kafka {

/// The counters one lane's produce() calls touch, on a cache line of their own: with one thread per lane the two
/// additions per record stay in that core's cache.
struct alignas(64) Lane {
  std::atomic<std::uint64_t> entered{0};   // produce() calls
  std::atomic<std::uint64_t> left{0};      // of them, those that returned
  std::atomic<std::uint64_t> rejected{0};  // of them, those that took nothing
  std::atomic<std::uint64_t> queue_full{0};
  std::atomic<bool> waiting{false};  // has seen QueueFull and no on_room() since

  // Report thread only, on the next line.
  alignas(64) ReportSink* sink = nullptr;
  std::vector<Report> reports;         // of the current wake-up
  bool noticed = false;                // `waiting` has been seen, the two marks are set
  std::uint64_t messages_at_full = 0;  // freed by then
  std::uint64_t bytes_at_full = 0;
};

/// Every record that is accepted counts as unreported until settle(). Open and close come from the report thread,
/// shut from main; entering from any.
class Gate {
 public:
  explicit Gate(const std::vector<ReportSink*>& sinks);

  /// One produce() call. While it lives, the client it saw is not destroyed.
  class Entry {
   public:
    Entry(Gate& gate, Lane& lane) noexcept;
    ~Entry();
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;

    /// The client to produce to; nullptr while closed.
    [[nodiscard]] Client* client() const noexcept { return client_; }
    /// The record was not taken.
    void reject() noexcept { lane_.rejected.fetch_add(1); }

   private:
    Lane& lane_;
    Client* client_;
  };

  [[nodiscard]] Lane* lane(std::uint64_t token) noexcept;
  [[nodiscard]] std::vector<Lane>& lanes() noexcept { return lanes_; }
  [[nodiscard]] const std::vector<Lane>& lanes() const noexcept { return lanes_; }

  /// Notes that `lane` is to hear of room. Within an Entry. No lost wake-up: the report thread looks at `waiting`
  /// after every wake-up, and is woken here when it could have looked just before.
  void await_room(Lane& lane) noexcept;

  void open(Client& client) noexcept;
  /// Returns when no produce() can still use the client.
  void close() noexcept;
  /// close() for ever.
  void shut() noexcept;
  [[nodiscard]] bool is_open() const noexcept { return client_.load() != nullptr; }
  [[nodiscard]] bool is_shut() const noexcept { return shut_.load(); }

  /// Records accepted whose report has not been handed out.
  [[nodiscard]] std::uint64_t unreported() const noexcept;
  /// Records accepted since the start.
  [[nodiscard]] std::uint64_t accepted() const noexcept;
  /// `messages` reports have been handed out. Thread: report.
  void settle(std::uint64_t messages) noexcept { reported_.fetch_add(messages); }

 private:
  void wait_until_nobody_inside() const noexcept;

  std::vector<Lane> lanes_;
  std::atomic<Client*> client_{nullptr};
  std::atomic<bool> shut_{false};
  std::atomic<std::uint64_t> reported_{0};
  std::mutex mutex_;  // open() against shut()
};

}  // namespace mqttproxy::kafka
