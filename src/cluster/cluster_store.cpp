// What workers ask for.
#include <algorithm>
#include <utility>

#include <boost/asio/post.hpp>

#include "mqttproxy/kafka/partitioner.hpp"
#include "mqttproxy/util/log.hpp"

#include "cluster_impl.hpp"

namespace mqttproxy::cluster {

namespace {

/// A session is one Kafka record: what its filters may take of it, beside config::kMaxStoredMessages references.
constexpr std::size_t kMostFilterBytes = 450'000;
constexpr std::size_t kMaxUnstoredClaims = 100'000;

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
  if (cut.references.size() <= config::kMaxStoredMessages) return cut;
  const auto extra = cut.references.size() - config::kMaxStoredMessages;
  counters_[ClusterEvent::ReferencesTrimmed].add(extra);
  cut.references.erase(cut.references.begin(), cut.references.begin() + static_cast<std::ptrdiff_t>(extra));
  return cut;
}

}  // namespace mqttproxy::cluster
