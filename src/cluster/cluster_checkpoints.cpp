// Checkpoints: how far this node is with the clients it serves, and with those that are away.
#include <algorithm>
#include <utility>

#include "mqttproxy/kafka/partitioner.hpp"

#include "cluster_impl.hpp"

namespace mqttproxy::cluster {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// Workers that do not answer for so long are asked again.
constexpr seconds kRoundPatience{10};
/// A node that has more to write than that before its next checkpoint says the last one again: it is alive.
constexpr seconds kSignOfLife{2};
/// With writes under way for longer than this there is nothing to be gained by more of them.
constexpr seconds kWritePatience{3};
/// Between the passes of a steward.
constexpr milliseconds kBetweenPasses{900};
/// What a steward writes per second at most: the more there is, the longer a pass takes. What clients wait for is
/// written between two slices.
constexpr std::size_t kStewardBytesPerSecond = 4U << 20U;
constexpr std::size_t kSliceBytes = 256U << 10U;
/// What it writes before it leaves; the rest is found again by who comes after it.
constexpr std::size_t kLastBytes = 64U << 20U;

}  // namespace

/// Kafka does not take what it was given.
bool ClusterImpl::writes_hang(Clock::time_point now) const {
  return !unstored_.empty() && now - unstored_.begin()->second > kWritePatience;
}

// ---- clients that are here -----------------------------------------------------------------------------------------

void ClusterImpl::begin_round(Clock::time_point now) {
  if (!loaded_ || failed_) return;
  if (round_.open && now - round_.begun < kRoundPatience) return;
  if (writes_hang(now)) return;
  if (round_.waiting) {
    if (now - round_.ended < kSignOfLife) return;
    for (const auto& partition : partitions_) partition->repeat_owner_checkpoint();
    return;
  }
  ++round_.number;
  round_.open = true;
  round_.begun = now;
  round_.reported.assign(workers_.size(), false);
  // Rule 5: before the workers are asked. What is handed over later they may not have known of.
  round_.as_of.clear();
  for (const auto& partition : partitions_) round_.as_of.push_back(partition->as_of());
  for (OwnerPort* worker : workers_) worker->on_collect(round_.number);
}

void ClusterImpl::end_round() {
  round_.open = false;
  round_.waiting = true;
  round_.ended = Clock::now();
  Offsets position = round_.progress.front().position;
  std::vector<std::vector<std::string>> behind(partitions_.size());
  for (const Progress& progress : round_.progress) {
    for (std::size_t p = 0; p < position.size(); ++p) {
      position[p] = std::min(position[p], offset_in(progress.position, static_cast<std::int32_t>(p)));
    }
    for (const Seat seat : progress.behind) {
      const auto it = seats_.find(seat);
      if (it == seats_.end()) continue;
      const auto count = static_cast<std::int32_t>(partitions_.size());
      behind[static_cast<std::size_t>(kafka::murmur2_partition(it->second.client, count))].push_back(it->second.client);
    }
  }
  // Rule 4: the sessions that have changed are written; now they have to be stored. Those that are behind are named
  // already: a seat may be gone by then, and what was written when it went be lost.
  when_stored([this, position = std::move(position), behind = std::move(behind), as_of = round_.as_of] {
    round_.waiting = false;
    for (std::size_t i = 0; i < partitions_.size(); ++i) {
      partitions_[i]->write_owner_checkpoint(position, as_of[i], behind[i]);
    }
  });
}

// ---- clients that are away -----------------------------------------------------------------------------------------

void ClusterImpl::write_stewards(Clock::time_point now) {
  if (pass_ || now < next_steward_) return;
  pass_ = StewardPass::begin(partitions_, 0, offline_, history_);
  write_slice();
}

void ClusterImpl::write_slice() {
  const auto now = Clock::now();
  if (failed_ || !pass_) return;
  milliseconds pause = kBetweenPasses;
  if (!writes_hang(now)) {
    write_some(kSliceBytes);
    pause = milliseconds(written_bytes_ * 1'000 / kStewardBytesPerSecond);
  }
  next_steward_ = now + std::max(pause, kBetweenPasses);
  if (!pass_) return;
  slice_timer_.expires_after(pause);
  slice_timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) write_slice();
  });
}

void ClusterImpl::write_some(std::size_t most_bytes) {
  written_bytes_ = 0;
  while (pass_ && !failed_ && written_bytes_ < most_bytes) {
    if (pass_->write_next()) continue;
    when_stored([pass = *pass_] { pass.write_checkpoint(); });
    pass_ = StewardPass::begin(partitions_, pass_->number() + 1, offline_, history_);
  }
}

/// At the end: also what has changed since the pass under way began.
void ClusterImpl::write_last() {
  write_some(kLastBytes);
  if (pass_) return;
  pass_ = StewardPass::begin(partitions_, 0, offline_, history_);
  write_some(kLastBytes);
}

}  // namespace mqttproxy::cluster
