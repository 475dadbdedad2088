#include "history.hpp"

#include <algorithm>
#include <limits>

#include "mqttproxy/util/log.hpp"

namespace mqttproxy::cluster {

namespace {

/// Offsets looked at before other things have their turn.
constexpr std::int64_t kScannedPerTurn = 4'096;
/// A read from Kafka takes no more …
constexpr std::int64_t kReadAtOnce = 5'000;
/// … and goes over what nobody wants rather than seeking beyond it: a seek costs as much as this many records.
constexpr std::int64_t kReadOver = 500;
constexpr std::int64_t kNowhere = std::numeric_limits<std::int64_t>::max();

bool scans(const Offsets& at, const Offsets& to, std::int32_t partition) noexcept {
  return offset_in(at, partition) < offset_in(to, partition);
}

}  // namespace

History::History(std::size_t memory_bytes, Read read) : memory_bytes_(memory_bytes), read_(std::move(read)) {}

History::Lane& History::lane(std::int32_t partition) {
  const auto index = static_cast<std::size_t>(partition);
  if (index >= lanes_.size()) lanes_.resize(index + 1);
  return lanes_[index];
}

History::Job* History::find(JobId job) {
  const auto it = jobs_.find(job);
  return it == jobs_.end() ? nullptr : &it->second;
}

// ---- the stream ----------------------------------------------------------------------------------------------------

void History::begin(std::int32_t partition, std::int64_t offset) {
  Lane& begun = lane(partition);
  begun.begun = true;
  begun.floor = offset;
  set_offset(position_, partition, offset);
}

void History::add(const downlink::MessagePtr& message) {
  Lane& added = lane(message->partition);
  if (message->offset < offset_in(position_, message->partition)) {
    // Kafka has lost what it had, or the topic was made anew: what is in memory is of another log.
    spdlog::warn("downlink partition={} goes back from offset={} to {}", message->partition,
                 offset_in(position_, message->partition), message->offset);
    std::erase(order_, message->partition);
    for (const downlink::MessagePtr& old : added.recent) bytes_ -= old->bytes();
    added.recent.clear();
    added.floor = message->offset;
  }
  added.recent.push_back(message);
  order_.push_back(message->partition);
  bytes_ += message->bytes();
  settle_lost(message->partition, offset_in(position_, message->partition), message->offset);
  settle_at(message->partition, message->offset, message);
  set_offset(position_, message->partition, message->offset + 1);
  trim();
}

void History::trim() {
  while (bytes_ > memory_bytes_ && order_.size() > 1) {
    Lane& oldest = lanes_[static_cast<std::size_t>(order_.front())];
    order_.pop_front();
    bytes_ -= oldest.recent.front()->bytes();
    oldest.floor = oldest.recent.front()->offset + 1;
    oldest.recent.pop_front();
  }
  counters_[HistoryEvent::MemoryMessages].set(order_.size());
  counters_[HistoryEvent::MemoryBytes].set(bytes_);
}

// ---- recoveries ----------------------------------------------------------------------------------------------------

History::JobId History::recover(const std::string& proxy, const Recovery& recovery, Sink sink) {
  JobId id = next_job_++;
  while (id == 0 || jobs_.contains(id)) id = next_job_++;  // it wraps
  Job& job = jobs_[id];
  job.sink = std::move(sink);
  job.proxy = proxy;
  job.filters = recovery.filters;
  job.at = recovery.from;
  job.to = recovery.to;
  for (const Reference& reference : recovery.references) job.owed.push_back({reference, nullptr});
  counters_[HistoryEvent::Recoveries].add();
  counters_[HistoryEvent::Waiting].add();
  seek_owed(id, job);
  return id;
}

void History::cancel(JobId id) {
  Job* job = find(id);
  if (job == nullptr) return;
  for (std::size_t i = 0; job->missing != 0 && i < job->owed.size(); ++i) {
    Lane& owing = lane(job->owed[i].reference.partition);
    const auto it = owing.points.find(job->owed[i].reference.offset);
    if (it == owing.points.end()) continue;
    std::erase_if(it->second, [id](const Point& point) { return point.job == id; });
    if (it->second.empty()) owing.points.erase(it);
  }
  finish(id);
}

void History::give_up_beyond() {
  std::size_t given_up = 0;
  for (std::size_t p = 0; p < lanes_.size(); ++p) {
    const std::int64_t position = offset_in(position_, static_cast<std::int32_t>(p));
    std::vector<Point> lost;
    auto& points = lanes_[p].points;
    for (auto it = points.lower_bound(position); it != points.end();) {
      auto& waiting = it->second;
      const auto old = std::partition(waiting.begin(), waiting.end(), [](const Point& point) { return !point.beyond; });
      lost.insert(lost.end(), old, waiting.end());
      waiting.erase(old, waiting.end());
      for (Point& point : waiting) point.beyond = true;
      it = waiting.empty() ? points.erase(it) : std::next(it);
    }
    for (const Point& point : lost) settle(point, nullptr, true);
    given_up += lost.size();
  }
  if (given_up != 0) spdlog::warn("downlink references={} are not waited for: nothing has come there", given_up);
}

void History::finish(JobId id) {
  Job& job = jobs_.at(id);
  for (const auto filter : job.in_tree) (void)tree_.unsubscribe(filter, id);
  for (Lane& each : lanes_) each.scans.erase(id);
  jobs_.erase(id);
  due_.erase(id);
  counters_[HistoryEvent::Waiting].sub();
}

/// Takes from memory what is there; the rest waits for Kafka, or for the stream to come there.
void History::seek_owed(JobId id, Job& job) {
  for (std::size_t i = 0; i < job.owed.size(); ++i) {
    const Reference& wanted = job.owed[i].reference;
    Lane& owing = lane(wanted.partition);
    if (wanted.offset >= owing.floor && wanted.offset < offset_in(position_, wanted.partition)) {
      const auto it = std::ranges::lower_bound(owing.recent, wanted.offset, {},
                                               [](const downlink::MessagePtr& message) { return message->offset; });
      if (it != owing.recent.end() && (*it)->offset == wanted.offset) {
        job.owed[i].message = *it;
        counters_[HistoryEvent::FromMemory].add();
      }
      continue;  // else it was no message for anybody any more
    }
    owing.points[wanted.offset].push_back({.job = id, .index = i});
    ++job.missing;
  }
  if (job.missing == 0) begin_scan(id, job);
}

/// `message` stands at `offset`; nullptr when it is none that may be delivered.
void History::settle_at(std::int32_t partition, std::int64_t offset, const downlink::MessagePtr& message) {
  const auto points = lane(partition).points.extract(offset);
  if (!points) return;
  for (const Point& point : points.mapped()) settle(point, message, false);
}

/// Between `from` and `to` there is nothing any more.
void History::settle_lost(std::int32_t partition, std::int64_t from, std::int64_t to) {
  auto& points = lane(partition).points;
  for (auto it = points.lower_bound(from); it != points.end() && it->first < to; it = points.lower_bound(from)) {
    const auto lost = points.extract(it);
    for (const Point& point : lost.mapped()) settle(point, nullptr, true);
  }
}

void History::settle(const Point& point, const downlink::MessagePtr& message, bool lost) {
  Job* job = find(point.job);
  if (job == nullptr) return;
  job->owed[point.index].message = message;
  if (lost) counters_[HistoryEvent::ReferencesLost].add();
  if (--job->missing == 0) begin_scan(point.job, *job);
}

/// The references are complete; what matches comes behind them.
void History::begin_scan(JobId id, Job& job) {
  for (Owed& owed : job.owed) {
    if (owed.message) job.found.push_back({std::move(owed.message), owed.reference.packet_id});
  }
  std::vector<Owed>().swap(job.owed);
  job.scanning = true;
  due_.insert(id);
  if (job.filters.empty()) {
    job.to.clear();
    return;
  }
  for (std::size_t p = 0; p < job.to.size(); ++p) {
    const auto partition = static_cast<std::int32_t>(p);
    if (scans(job.at, job.to, partition)) lane(partition).scans.insert(id);
  }
  for (const Filter& filter : job.filters) {
    const auto added = tree_.subscribe(filter.text, id, filter.granted);
    if (added.is_new) job.in_tree.push_back(added.filter);
  }
}

// ---- matching ------------------------------------------------------------------------------------------------------

/// Of a pass that began at `from`: who came later and wants what was before waits for the next one.
void History::match(std::int32_t partition, std::int64_t from, const downlink::MessagePtr& message) {
  if (message->qos == mqtt::Qos::AtMostOnce) return;  // nobody is owed those
  tree_.match(message->topic, [&](JobId id, mqtt::Qos granted) {
    Job& job = jobs_.at(id);
    const std::int64_t offset = message->offset;
    if (granted == mqtt::Qos::AtMostOnce || job.proxy != message->proxy) return;
    const std::int64_t at = offset_in(job.at, partition);
    if (at < from || offset < at || offset >= offset_in(job.to, partition)) return;
    if (job.last_partition == partition && job.last_offset == offset) return;
    job.last_partition = partition;
    job.last_offset = offset;
    job.found.push_back({message, 0});
  });
}

/// [from, to) was looked at.
void History::advance(std::int32_t partition, std::int64_t from, std::int64_t to) {
  Lane& scanned = lane(partition);
  for (auto it = scanned.scans.begin(); it != scanned.scans.end();) {
    Job& job = jobs_.at(*it);
    const std::int64_t at = offset_in(job.at, partition);
    if (at < from || at >= to) {
      ++it;
      continue;
    }
    set_offset(job.at, partition, std::min(to, offset_in(job.to, partition)));
    due_.insert(*it);
    it = scans(job.at, job.to, partition) ? std::next(it) : scanned.scans.erase(it);
  }
}

bool History::scan_recent(std::int32_t partition) {
  Lane& recent = lane(partition);
  const std::int64_t position = offset_in(position_, partition);
  std::int64_t from = position;
  std::int64_t to = 0;
  for (const JobId id : recent.scans) {
    const Job& job = jobs_.at(id);
    const std::int64_t at = offset_in(job.at, partition);
    if (at < recent.floor || at >= position) continue;
    from = std::min(from, at);
    to = std::max(to, offset_in(job.to, partition));
  }
  to = std::min({to, position, from + kScannedPerTurn});
  if (from >= to) return false;
  auto it = std::ranges::lower_bound(recent.recent, from, {},
                                     [](const downlink::MessagePtr& message) { return message->offset; });
  for (; it != recent.recent.end() && (*it)->offset < to; ++it) match(partition, from, *it);
  advance(partition, from, to);
  return true;
}

bool History::pump() {
  bool more = false;
  for (std::size_t p = 0; p < lanes_.size(); ++p) {
    const auto partition = static_cast<std::int32_t>(p);
    more = scan_recent(partition) || more;
    plan_read(partition);
  }
  flush();
  return more;
}

void History::flush() {
  for (const JobId id : std::exchange(due_, {})) {
    Job* job = find(id);
    if (job == nullptr) continue;
    const bool complete =
        job->scanning && std::ranges::none_of(lanes_, [id](const Lane& each) { return each.scans.contains(id); });
    std::vector<Recovered> found = std::exchange(job->found, {});
    if (found.empty() && !complete) continue;
    if (!complete) {
      job->sink(std::move(found), false);
      continue;
    }
    const Sink sink = std::move(job->sink);
    finish(id);
    sink(std::move(found), true);
  }
}

// ---- reading again -------------------------------------------------------------------------------------------------

/// The lowest offset from `least` on that Kafka has to be asked for.
std::int64_t History::next_place(std::int32_t partition, std::int64_t least) const {
  const Lane& wanted = lanes_[static_cast<std::size_t>(partition)];
  const auto point = wanted.points.lower_bound(least);
  std::int64_t next = point == wanted.points.end() ? kNowhere : point->first;
  for (const JobId id : wanted.scans) {
    const std::int64_t at = offset_in(jobs_.at(id).at, partition);
    if (at >= least) next = std::min(next, at);
  }
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
  for (const JobId id : wanted.scans) {
    const Job& job = jobs_.at(id);
    if (offset_in(job.at, partition) >= from && offset_in(job.at, partition) <= to + kReadOver) {
      to = std::max(to, std::min(offset_in(job.to, partition), end));
    }
  }
  return to;
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
  wanted.scanning = std::ranges::any_of(wanted.scans, [&](JobId id) {
    const std::int64_t at = offset_in(jobs_.at(id).at, partition);
    return at >= from && at < to;
  });
  wanted.read_at = from;
  read_({partition, from, to});
}

void History::on_range(const kafka::OffsetRange& range, const std::vector<PastMessage>& messages) {
  Lane& read = lane(range.partition);
  for (const PastMessage& past : messages) {
    settle_lost(range.partition, read.read_at, past.offset);
    settle_at(range.partition, past.offset, past.message);
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
  if (read.scanning) counters_[HistoryEvent::ScansCut].add();
  spdlog::warn("downlink partition={} is gone from Kafka below offset={}: sessions that have missed more go on there",
               range.partition, oldest);
  settle_lost(range.partition, 0, kept);
  advance(range.partition, 0, kept);
}

}  // namespace mqttproxy::cluster
