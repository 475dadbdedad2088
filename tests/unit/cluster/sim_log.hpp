// What simulated nodes share: the partitions of the sessions topic and of the downlink topic, and the time.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "mqttproxy/downlink/message.hpp"

#include "cluster/partition.hpp"
#include "cluster/view.hpp"

namespace mqttproxy::cluster::sim {

/// Thrown when a promise is broken.
struct Violation {
  std::string what;
};

/// Of all nodes.
struct Time {
  std::chrono::seconds passed{0};
  std::chrono::seconds expiry{36'000'000};  // of sessions

  [[nodiscard]] Partition::Clock::time_point steady() const { return Partition::Clock::time_point(kStart + passed); }
  [[nodiscard]] std::chrono::system_clock::time_point system() const {
    return std::chrono::system_clock::time_point(kStart + passed);
  }

 private:
  static constexpr std::chrono::seconds kStart{1'000'000};
};

/// A record as Kafka has it.
struct Line {
  std::string key;
  std::string value;
  std::string steward;  // of a tombstone: its header
  bool tombstone = false;
  std::chrono::system_clock::time_point time{};
};

/// Throws Violation for what does not come back the same when it is read.
[[nodiscard]] Line to_line(const Key& key, const Record& record);
[[nodiscard]] std::pair<Key, Record> parse(const Line& line);

/// One partition of the sessions topic, and what somebody knows of it who has read every record.
class SessionsLog {
 public:
  SessionsLog() : view_(incarnations_) {}

  std::pair<Key, Record> append(Line line, const Time& time);
  [[nodiscard]] std::int64_t end() const noexcept { return static_cast<std::int64_t>(lines_.size()); }
  /// nullptr: compaction has removed it.
  [[nodiscard]] const Line* at(std::int64_t offset) const;
  /// Keeps of each key the last one below `limit`, and everything that is not older than the first record that is
  /// ignored and still the last of its key: whoever is responsible writes another one before compaction comes there.
  void compact(std::int64_t limit);

  [[nodiscard]] const View& view() const noexcept { return view_; }
  /// Keys whose last record is one that every reader ignores, or one that counts only for those who have read
  /// everything.
  [[nodiscard]] const std::map<std::string, std::int64_t>& ignored() const noexcept { return ignored_; }

 private:
  void note(const Key& key, bool tombstone, bool counts);

  std::vector<std::optional<Line>> lines_;
  Incarnations incarnations_;
  View view_;
  std::map<std::string, std::int64_t> ignored_;
};

/// The partitions of the downlink topic.
using Downlink = std::vector<std::vector<downlink::MessagePtr>>;

[[nodiscard]] Offsets ends(const Downlink& downlink);

}  // namespace mqttproxy::cluster::sim
