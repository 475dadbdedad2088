// Publishes that wait for Kafka: which record belongs to which, and what became of it.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "mqttproxy/kafka/producer.hpp"

namespace mqttproxy::downlink {

/// Thread: any. A record's token is its publish's first token plus its place; lane 0.
class PendingPublishes {
 public:
  /// One call of publish(), from first to last record.
  class Call {
   public:
    Call(PendingPublishes& all, std::size_t records);
    ~Call();
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;

    [[nodiscard]] std::uint64_t token(std::size_t place) const noexcept { return first_ + place; }

    using Clock = std::chrono::steady_clock;
    struct Result {
      std::size_t stored = 0;             // from the front
      std::optional<kafka::Report> next;  // of the first that is not; nullopt while it is not known
    };
    /// Waits until the first `count` records are stored, or one of them is known not to be, or `deadline`.
    [[nodiscard]] Result wait(std::size_t count, Clock::time_point deadline);

   private:
    friend class PendingPublishes;
    PendingPublishes& all_;
    std::uint64_t first_;
    std::vector<std::optional<kafka::Report>> reports_;  // by place
    std::size_t stored_ = 0;                             // from the front
    std::condition_variable changed_;
  };

  void report(std::span<const kafka::Report> reports);

 private:
  std::mutex mutex_;
  std::uint64_t next_token_ = 1;
  std::map<std::uint64_t, Call*> calls_;  // by first token
};

}  // namespace mqttproxy::downlink
