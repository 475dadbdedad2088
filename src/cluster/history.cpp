#include "history.hpp"

#include <algorithm>

#include "mqttproxy/util/log.hpp"

namespace mqttproxy::cluster {

namespace {

/// Offsets looked at before other things have their turn.
constexpr std::int64_t kScannedPerTurn = 4'096;

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
  job.waiting = std::make_unique<Waiting>(
      Waiting{.owed = {}, .missing = 0, .filters = recovery.filters, .from = recovery.from, .to = recovery.to});
  for (const Reference& reference : recovery.references) job.waiting->owed.push_back({reference, 0, nullptr});
  counters_[HistoryEvent::Recoveries].add();
  counters_[HistoryEvent::Waiting].add();
  seek_owed(id, job);
  return id;
}

void History::cancel(JobId id) {
  Job* job = find(id);
  if (job == nullptr) return;
  if (job->waiting) {
    for (const Owed& owed : job->waiting->owed) wait_no_more(id, owed);
  }
  finish(id);
}

void History::wait_no_more(JobId id, const Owed& owed) {
  auto& points = lane(owed.reference.partition).points;
  const auto it = points.find(owed.reference.offset);
  if (it == points.end() || owed.index >= it->second.all.size() || it->second.all[owed.index].job != id) return;
  it->second.all[owed.index].job = 0;
  if (--it->second.waiting == 0) points.erase(it);
}

void History::give_up_beyond() {
  std::size_t given_up = 0;
  for (std::size_t p = 0; p < lanes_.size(); ++p) {
    const std::int64_t position = offset_in(position_, static_cast<std::int32_t>(p));
    std::vector<Point> lost;
    auto& points = lanes_[p].points;
    for (auto it = points.lower_bound(position); it != points.end();) {
      for (Point& point : it->second.all) {
        if (point.job == 0 || !std::exchange(point.beyond, true)) continue;
        lost.push_back(point);
        point.job = 0;
        --it->second.waiting;
      }
      it = it->second.waiting == 0 ? points.erase(it) : std::next(it);
    }
    for (const Point& point : lost) settle(point, nullptr, true);
    given_up += lost.size();
  }
  if (given_up != 0) spdlog::warn("downlink references={} are not waited for: nothing has come there", given_up);
}

void History::finish(JobId id) {
  Job& job = jobs_.at(id);
  for (const auto filter : job.in_tree) (void)tree_.unsubscribe(filter, id);
  for (std::size_t p = 0; p < job.scans.size(); ++p) {
    if (job.scans[p] != kNoScan) lanes_[p].scans.remove(job.scans[p]);
  }
  jobs_.erase(id);
  counters_[HistoryEvent::Waiting].sub();
}

void History::call_soon(JobId id, Job& job) {
  if (!std::exchange(job.due, true)) due_.push_back(id);
}

/// Takes from memory what is there; the rest waits for Kafka, or for the stream to come there.
void History::seek_owed(JobId id, Job& job) {
  Waiting& waiting = *job.waiting;
  for (std::size_t i = 0; i < waiting.owed.size(); ++i) {
    const Reference& wanted = waiting.owed[i].reference;
    Lane& owing = lane(wanted.partition);
    if (wanted.offset >= owing.floor && wanted.offset < offset_in(position_, wanted.partition)) {
      const auto it = std::ranges::lower_bound(owing.recent, wanted.offset, {},
                                               [](const downlink::MessagePtr& message) { return message->offset; });
      if (it != owing.recent.end() && (*it)->offset == wanted.offset) {
        waiting.owed[i].message = *it;
        counters_[HistoryEvent::FromMemory].add();
      }
      continue;  // else it was no message for anybody any more
    }
    Points& points = owing.points[wanted.offset];
    waiting.owed[i].index = static_cast<std::uint32_t>(points.all.size());
    points.all.push_back({.job = id, .index = static_cast<std::uint32_t>(i)});
    ++points.waiting;
    ++waiting.missing;
  }
  if (waiting.missing == 0) begin_scan(id, job);
}

/// `message` stands at `offset`; nullptr when it is none that may be delivered.
void History::settle_at(std::int32_t partition, std::int64_t offset, const downlink::MessagePtr& message) {
  const auto points = lane(partition).points.extract(offset);
  if (!points) return;
  for (const Point& point : points.mapped().all) settle(point, message, false);
}

/// Between `from` and `to` there is nothing any more.
void History::settle_lost(std::int32_t partition, std::int64_t from, std::int64_t to) {
  auto& points = lane(partition).points;
  for (auto it = points.lower_bound(from); it != points.end() && it->first < to; it = points.lower_bound(from)) {
    const auto lost = points.extract(it);
    for (const Point& point : lost.mapped().all) settle(point, nullptr, true);
  }
}

void History::settle(const Point& point, const downlink::MessagePtr& message, bool lost) {
  Job* job = find(point.job);
  if (job == nullptr) return;
  job->waiting->owed[point.index].message = message;
  if (lost) counters_[HistoryEvent::ReferencesLost].add();
  if (--job->waiting->missing == 0) begin_scan(point.job, *job);
}

/// The references are complete; what matches comes behind them.
void History::begin_scan(JobId id, Job& job) {
  const std::unique_ptr<Waiting> waited = std::move(job.waiting);
  for (Owed& owed : waited->owed) {
    if (owed.message) job.found.push_back({std::move(owed.message), owed.reference.packet_id});
  }
  if (!waited->filters.empty()) add_scans(id, job, *waited);
  if (!job.found.empty() || job.scanning == 0) call_soon(id, job);
}

void History::add_scans(JobId id, Job& job, const Waiting& waited) {
  job.scans.assign(waited.to.size(), kNoScan);
  for (std::size_t p = 0; p < waited.to.size(); ++p) {
    const auto partition = static_cast<std::int32_t>(p);
    const std::int64_t from = offset_in(waited.from, partition);
    if (from >= waited.to[p]) continue;
    job.scans[p] = lane(partition).scans.add(id, from, waited.to[p]);
    ++job.scanning;
  }
  for (const Filter& filter : waited.filters) {
    const auto added = tree_.subscribe(filter.text, id, filter.granted);
    if (added.is_new) job.in_tree.push_back(added.filter);
  }
}

// ---- matching ------------------------------------------------------------------------------------------------------

/// Of a pass that began at `from`: who came later and wants what was before waits for the next one.
void History::match(std::int32_t partition, std::int64_t from, const downlink::MessagePtr& message) {
  if (message->qos == mqtt::Qos::AtMostOnce) return;  // nobody is owed those
  const auto index = static_cast<std::size_t>(partition);
  tree_.match(message->topic, [&](JobId id, mqtt::Qos granted) {
    Job& job = jobs_.at(id);
    if (granted == mqtt::Qos::AtMostOnce || job.proxy != message->proxy) return;
    if (index >= job.scans.size() || job.scans[index] == kNoScan) return;
    if (!lanes_[index].scans.wants(job.scans[index], from, message->offset)) return;
    if (job.last_partition == partition && job.last_offset == message->offset) return;
    job.last_partition = partition;
    job.last_offset = message->offset;
    job.found.push_back({message, 0});
    call_soon(id, job);
  });
}

/// [from, to) was looked at.
void History::advance(std::int32_t partition, std::int64_t from, std::int64_t to) {
  for (const JobId id : lane(partition).scans.advance(from, to)) {
    Job& job = jobs_.at(id);
    job.scans[static_cast<std::size_t>(partition)] = kNoScan;
    if (--job.scanning == 0) call_soon(id, job);
  }
}

bool History::scan_recent(std::int32_t partition) {
  Lane& recent = lane(partition);
  const std::int64_t position = offset_in(position_, partition);
  const std::int64_t from = recent.scans.next(recent.floor);
  if (from >= position) return false;
  const std::int64_t to = recent.scans.reach(from, from, 0, std::min(position, from + kScannedPerTurn));
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
    job->due = false;
    std::vector<Recovered> found = std::exchange(job->found, {});
    const bool complete = !job->waiting && job->scanning == 0;
    if (complete) {
      const Sink sink = std::move(job->sink);
      finish(id);
      sink(std::move(found), true);
    } else if (!found.empty()) {
      job->sink(std::move(found), false);
    }
  }
}

}  // namespace mqttproxy::cluster
