// What workers ask for, and the checkpoints that say how far they are.
#include <algorithm>
#include <utility>

#include <boost/asio/post.hpp>

#include "mqttproxy/kafka/partitioner.hpp"
#include "mqttproxy/util/log.hpp"

#include "cluster_impl.hpp"

namespace mqttproxy::cluster {

namespace {

/// A session is one Kafka record: what its filters and references may take of it.
constexpr std::size_t kMostFilterBytes = 600'000;
constexpr std::size_t kMostReferences = 15'000;
constexpr std::size_t kMaxUnstoredClaims = 100'000;
/// Workers that do not answer for so long are asked again.
constexpr std::chrono::seconds kRoundPatience{10};
/// With writes under way for longer than this there is nothing to be gained by more of them.
constexpr std::chrono::seconds kWritePatience{3};
/// What a steward writes per second at most, in the long run: the more there is, the more seldom it does.
constexpr std::size_t kStewardBytesPerSecond = 4U << 20U;

/// What a text takes in a record at most.
std::size_t written_bytes(std::string_view text) noexcept {
  std::size_t bytes = 8;
  for (const char c : text) bytes += static_cast<unsigned char>(c) < 0x20 ? 6U : (c == '"' || c == '\\') ? 2U : 1U;
  return bytes;
}

bool fits(const Cut& cut) noexcept {
  std::size_t bytes = 0;
  for (const Filter& filter : cut.filters) bytes += written_bytes(filter.text);
  return bytes <= kMostFilterBytes;
}

}  // namespace

// ---- any thread ----------------------------------------------------------------------------------------------------

void ClusterImpl::claim(Seat seat, ClaimRequest request) {
  boost::asio::post(io_, [this, seat, moved = std::move(request)] {
    seats_[seat].client = client_name(moved.proxy, moved.client_id);
    if (started_ && streaming_) return do_claim(seat, moved);
    early_.emplace_back(seat, moved);
  });
}

void ClusterImpl::release(Seat seat, std::optional<Cut> cut) {
  boost::asio::post(io_, [this, seat, moved = std::move(cut)]() mutable {
    const auto it = seats_.find(seat);
    if (it == seats_.end()) return;
    const std::string client = it->second.client;
    forget(seat);
    std::erase_if(early_, [seat](const auto& waiting) { return waiting.first == seat; });
    Partition* partition = partition_of(client);
    if (partition == nullptr) return;
    if (moved) moved = bounded(std::move(*moved));
    partition->release(seat, client, std::move(moved));
  });
}

void ClusterImpl::store(Seat seat, Cut cut, std::uint64_t token) {
  boost::asio::post(io_, [this, seat, token, moved = std::move(cut)]() mutable {
    const auto it = seats_.find(seat);
    if (it == seats_.end()) return;
    const std::string client = it->second.client;
    Partition& partition = *partition_of(client);
    if (fits(moved)) return partition.store(seat, client, bounded(std::move(moved)), token);
    spdlog::warn("session client=\"{}\" has more filters than one record takes: disconnected", client);
    partition.release(seat, client, std::nullopt);
    lost(seat, Loss::Unavailable);
  });
}

void ClusterImpl::recover(Seat seat, Recovery recovery) {
  boost::asio::post(io_, [this, seat, moved = std::move(recovery)] { do_recover(seat, moved); });
}

void ClusterImpl::report(std::uint32_t worker, std::uint64_t round, Progress progress) {
  boost::asio::post(io_, [this, worker, round, moved = std::move(progress)]() mutable {
    // At once, whatever has become of the round: in the order in which the worker has said things, and it counts on it.
    for (auto& [seat, cut] : moved.changed) {
      const auto it = seats_.find(seat);
      if (it != seats_.end()) partition_of(it->second.client)->write_changed(seat, bounded(std::move(cut)));
    }
    if (!round_.open || round != round_.number || round_.reported[worker]) return;
    round_.progress[worker] = std::move(moved);
    round_.reported[worker] = true;
    if (std::ranges::find(round_.reported, false) == round_.reported.end()) end_round();
  });
}

// ---- the cluster's thread ------------------------------------------------------------------------------------------

Partition* ClusterImpl::partition_of(std::string_view client) {
  if (!started_ || partitions_.empty()) return nullptr;
  const auto count = static_cast<std::int32_t>(partitions_.size());
  return partitions_[static_cast<std::size_t>(kafka::murmur2_partition(client, count))].get();
}

void ClusterImpl::do_claim(Seat seat, const ClaimRequest& request) {
  // With so much waiting for Kafka the client would not be served in time: its worker refuses it.
  if (unstored_.size() > kMaxUnstoredClaims) return;
  const std::string client = client_name(request.proxy, request.client_id);
  Partition& partition = *partition_of(client);
  if (!request.clean && request.max_sessions != 0 && partition.loaded() && sessions() >= request.max_sessions) {
    const Entry* known = partition.view().find(client);
    if (known == nullptr || !known->session) return claimed(seat, {.refused = true});
  }
  partition.claim(seat, request);
}

std::size_t ClusterImpl::sessions() const {
  std::size_t sessions = 0;
  for (const auto& partition : partitions_) sessions += partition->view().sessions();
  return sessions;
}

/// A session that a worker took up before it knew where its messages begin would miss some.
void ClusterImpl::claim_early() {
  if (!started_ || !streaming_) return;
  for (const auto& [seat, request] : std::exchange(early_, {})) do_claim(seat, request);
}

void ClusterImpl::do_recover(Seat seat, const Recovery& recovery) {
  const auto it = seats_.find(seat);
  if (it == seats_.end()) return;
  const std::string proxy(split_client_name(it->second.client).proxy);
  it->second.recovery = history_.recover(proxy, recovery, [this, seat](std::vector<Recovered> messages, bool complete) {
    if (complete) seats_.at(seat).recovery = 0;
    workers_[seat.worker]->on_recovered(seat, std::move(messages), complete);
  });
  pump();
}

void ClusterImpl::forget(Seat seat) {
  const auto node = seats_.extract(seat);
  if (node && node.mapped().recovery != 0) history_.cancel(node.mapped().recovery);
}

void ClusterImpl::claimed(Seat seat, Claimed claimed) {
  workers_[seat.worker]->on_claimed(seat, std::move(claimed));
}

void ClusterImpl::stored(Seat seat, std::uint64_t token) {
  workers_[seat.worker]->on_stored(seat, token);
}

void ClusterImpl::lost(Seat seat, Loss loss) {
  if (loss == Loss::Fenced) counters_[ClusterEvent::FencedHere].add();
  forget(seat);
  workers_[seat.worker]->on_lost(seat, loss);
}

void ClusterImpl::adopt(std::int32_t partition, const std::string& client, LifeId claim, Cut cut) {
  offline_.adopt(partition, client, std::move(claim), std::move(cut));
}

void ClusterImpl::drop(std::int32_t partition, const std::string& client) {
  offline_.drop(partition, client);
}

void ClusterImpl::drop_all(std::int32_t partition) {
  offline_.drop_all(partition);
}

bool ClusterImpl::adopted(std::int32_t partition, const std::string& client) {
  return offline_.has(partition, client);
}

Cut ClusterImpl::collected(std::int32_t partition, const std::string& client) {
  return offline_.cut(partition, client);
}

Cut ClusterImpl::bounded(Cut cut) {
  if (cut.references.size() <= kMostReferences) return cut;
  const auto extra = cut.references.size() - kMostReferences;
  counters_[ClusterEvent::ReferencesTrimmed].add(extra);
  cut.references.erase(cut.references.begin(), cut.references.begin() + static_cast<std::ptrdiff_t>(extra));
  return cut;
}

// ---- checkpoints ---------------------------------------------------------------------------------------------------

void ClusterImpl::begin_round(Clock::time_point now) {
  if (!loaded_ || failed_) return;
  if (round_.open && now - round_.begun < kRoundPatience) return;
  if (!unstored_.empty() && now - unstored_.begin()->second > kWritePatience) return;
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
    for (std::size_t i = 0; i < partitions_.size(); ++i) {
      partitions_[i]->write_owner_checkpoint(position, as_of[i], behind[i]);
    }
  });
}

void ClusterImpl::write_stewards(Clock::time_point now) {
  if (now < next_steward_ || failed_) return;
  if (!unstored_.empty() && now - unstored_.begin()->second > kWritePatience) return;
  steward_bytes_ = 0;
  for (const auto& each : partitions_) {
    Partition& partition = *each;
    const auto steward = partition.stewarding();
    if (!steward) continue;
    const auto number = static_cast<std::int32_t>(&each - partitions_.data());
    for (OfflineSessions::Changed& changed : offline_.take_changed(number)) {
      partition.write_steward_state(changed.client, changed.claim, std::move(changed.cut));
    }
    when_stored([this, index = static_cast<std::size_t>(number), steward = *steward, position = history_.position(),
                 as_of = partition.as_of(), behind = offline_.behind(number)] {
      partitions_[index]->write_steward_checkpoint(steward, position, as_of, behind);
    });
  }
  next_steward_ = now + std::chrono::milliseconds(900 + steward_bytes_ * 1'000 / kStewardBytesPerSecond);
}

}  // namespace mqttproxy::cluster
