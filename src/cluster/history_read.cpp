// What is no longer in memory is read from Kafka again.
#include <algorithm>

#include "mqttproxy/util/log.hpp"

#include "history.hpp"

namespace mqttproxy::cluster {

namespace {

/// A read from Kafka takes no more …
constexpr std::int64_t kReadAtOnce = 5'000;
/// … and goes over what nobody wants rather than seeking beyond it: a seek costs as much as this many records.
constexpr std::int64_t kReadOver = 500;
constexpr std::int64_t kNowhere = Scans::kNowhere;

}  // namespace

/// The lowest offset from `least` on that Kafka has to be asked for.
std::int64_t History::next_place(std::int32_t partition, std::int64_t least) const {
  const Lane& wanted = lanes_[static_cast<std::size_t>(partition)];
  const auto point = wanted.points.lower_bound(least);
  std::int64_t next = wanted.scans.next(least);
  if (point != wanted.points.end()) next = std::min(next, point->first);
  return next < wanted.floor ? next : kNowhere;
}

/// The next place in the others' turn. What the sweep will take along with its next read needs none.
std::int64_t History::next_other(std::int32_t partition, std::int64_t sweep, std::int64_t sweep_to) const {
  for (const std::int64_t least : {lanes_[static_cast<std::size_t>(partition)].turn, std::int64_t{0}}) {
    std::int64_t place = next_place(partition, least);
    if (place >= sweep && place < sweep_to) place = next_place(partition, sweep_to);
    if (place != kNowhere) return place;
  }
  return kNowhere;
}

/// Where a read from `from` on ends.
std::int64_t History::reach(std::int32_t partition, std::int64_t from) const {
  const Lane& wanted = lanes_[static_cast<std::size_t>(partition)];
  std::int64_t to = from + 1;
  const std::int64_t end = std::min(from + kReadAtOnce, wanted.floor);
  for (auto point = wanted.points.upper_bound(from); point != wanted.points.end() && point->first < end; ++point) {
    if (point->first - to > kReadOver) break;
    to = point->first + 1;
  }
  return wanted.scans.reach(from, to, kReadOver, end);
}

/// Half of what Kafka reads is for a sweep that goes upwards and then round again: it takes along all who are on its
/// way, and comes to everybody. The other half is for all other places in turn, a read each: who needs little does not
/// wait for those who need much.
void History::plan_read(std::int32_t partition) {
  Lane& wanted = lane(partition);
  if (wanted.reading || !wanted.begun) return;
  std::int64_t sweep = next_place(partition, wanted.sweep);
  if (sweep == kNowhere) sweep = next_place(partition, 0);
  if (sweep == kNowhere) return;
  const std::int64_t sweep_to = reach(partition, sweep);
  const std::int64_t other = next_other(partition, sweep, sweep_to);
  if (other == kNowhere) wanted.sweep_ahead = 0;
  const bool sweeping = wanted.sweep_ahead <= 0;
  const std::int64_t from = sweeping ? sweep : other;
  const std::int64_t to = sweeping ? sweep_to : reach(partition, other);
  const std::int64_t cost = kReadOver + to - from;
  if (sweeping) {
    wanted.sweep = to;
    wanted.sweep_ahead += cost;
  } else {
    wanted.turn = to + 1;  // who was served here and stands at `to` now has had his turn
    wanted.sweep_ahead -= cost;
  }
  wanted.reading = true;
  wanted.scanning = wanted.scans.next(from) < to;
  wanted.read_at = from;
  read_({partition, from, to});
}

void History::on_range(const kafka::OffsetRange& range, const std::vector<PastMessage>& messages) {
  Lane& read = lane(range.partition);
  // The references first: who has all of his begins to search, perhaps further down in what has come.
  for (const PastMessage& past : messages) {
    settle_lost(range.partition, read.read_at, past.offset);
    settle_at(range.partition, past.offset, past.message);
  }
  for (const PastMessage& past : messages) {
    if (past.message == nullptr) continue;
    counters_[HistoryEvent::FromKafka].add();
    match(range.partition, read.read_at, past.message);
  }
  if (messages.empty()) return;
  const std::int64_t next = messages.back().offset + 1;
  advance(range.partition, read.read_at, next);
  read.read_at = next;
}

void History::on_range_end(const kafka::OffsetRange& range, std::int64_t oldest) {
  Lane& read = lane(range.partition);
  read.reading = false;
  if (oldest > range.from) settle_deleted(range, oldest);
  settle_lost(range.partition, read.read_at, range.to);
  advance(range.partition, read.read_at, range.to);
}

/// Kafka keeps nothing below `oldest`: to ask for each piece of it would cost an error each time. What is still in
/// memory is there all the same, and so will be what the stream has yet to come to, in a topic made anew.
void History::settle_deleted(const kafka::OffsetRange& range, std::int64_t oldest) {
  const Lane& read = lane(range.partition);
  const std::int64_t kept = std::min(oldest, read.floor);
  spdlog::warn("downlink partition={} is gone from Kafka below offset={}: sessions that have missed more go on there",
               range.partition, oldest);
  settle_lost(range.partition, 0, kept);  // and who has waited for these alone begins to search, perhaps as far down
  if (read.scanning || read.scans.next(0) < kept) counters_[HistoryEvent::ScansCut].add();
  advance(range.partition, 0, kept);
}

}  // namespace mqttproxy::cluster
