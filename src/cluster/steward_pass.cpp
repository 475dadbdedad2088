#include "steward_pass.hpp"

#include <utility>

namespace mqttproxy::cluster {

std::optional<StewardPass> StewardPass::begin(const Partitions& partitions, std::size_t number,
                                              OfflineSessions& offline, const History& history) {
  for (; number < partitions.size(); ++number) {
    if (partitions[number]->stewarding()) return StewardPass(*partitions[number], number, offline, history);
  }
  return std::nullopt;
}

StewardPass::StewardPass(Partition& partition, std::size_t number, OfflineSessions& offline, const History& history)
    : number_(number),
      partition_(&partition),
      offline_(&offline),
      steward_(partition.stewarding().value()),
      position_(history.position()),
      as_of_(partition.as_of()),
      behind_(offline.behind(static_cast<std::int32_t>(number))),
      changed_(offline.take_changed(static_cast<std::int32_t>(number))) {}

bool StewardPass::write_next() {
  if (partition_->stewarding() != steward_) return false;
  while (next_ < changed_.size()) {
    auto changed = offline_->store(changed_[next_++]);
    if (!changed) continue;  // its client has come back
    partition_->write_steward_state(changed->client, changed->claim, std::move(changed->cut));
    return true;
  }
  return false;
}

void StewardPass::write_checkpoint() const {
  partition_->write_steward_checkpoint(steward_, position_, as_of_, behind_);
}

}  // namespace mqttproxy::cluster
