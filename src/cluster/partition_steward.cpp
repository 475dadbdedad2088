// The care for a partition's offline sessions.
#include <utility>

#include "partition.hpp"

namespace mqttproxy::cluster {

namespace {

using std::chrono::seconds;

/// An incarnation without a sign of life for so long is taken for dead, by a steward that is up to date.
constexpr seconds kSilence{10};
/// Sessions and lives of nodes that are over are buried after this: later than any node has records of them under way.
constexpr seconds kBurial{3'600};
/// A partition that was taken away is not looked after any longer than this, if nobody else begins to before.
constexpr seconds kUnassigned{5};
constexpr std::size_t kExpiredAtOnce = 2'000;

}  // namespace

void Partition::assign(bool assigned, Clock::time_point now) {
  if (std::exchange(assigned_, assigned) == assigned) return;
  // Every change in the group takes all partitions from all members, and gives most of them back a moment later.
  unassigned_ = now;
  if (assigned && loaded() && !written_) become_steward();
}

void Partition::tick(Clock::time_point now) {
  // Also when another one has overruled it, though it is assigned: not at once, or two that both believe so would
  // overrule each other as fast as Kafka can write.
  if (assigned_ && loaded() && !written_) become_steward();
  if (!assigned_ && written_ && now - unassigned_ > kUnassigned) stop_stewarding();
  if (active_) fence_silent(now);
  if (loaded()) remove_waiting(now);
}

void Partition::become_steward() {
  written_ = life_.next();
  effects_.write(number_, {Kind::Steward, {}, Role::Owner}, Steward{*written_});
}

void Partition::stop_stewarding() {
  written_.reset();
  fencing_.clear();
  ending_.clear();
  if (std::exchange(active_, false)) effects_.drop_all(number_);
}

void Partition::read_steward(const Steward& steward) {
  if (written_ && steward.id == *written_) {  // rule 15: it acts once its own record is read back
    active_ = true;
    adopt_all();
    return lift_fences();
  }
  if (written_ && active_) return stop_stewarding();
  // Before its own record: that one will be read later, and win.
}

void Partition::adopt(const std::string& client, const Entry& entry) {
  if (ending_.contains(client)) return;
  if (!entry.session) {
    effects_.drop(number_, client);
  } else if (effects_.adopted(number_, client)) {
    return;
  }
  Cut cut = view_.cut(client, entry);
  if (entry.spoiled && !entry.claim_spoiled) {
    write_state(view_.claim(entry), client, false, entry.session, cut, Role::Steward);
  }
  if (entry.session) effects_.adopt(number_, client, view_.claim(entry), std::move(cut));
  if (entry.claim_spoiled) write_claim_again(client, entry);
}

void Partition::adopt_all() {
  for (const auto& [client, entry] : view_.entries()) {
    if (!entry.online) adopt(client, entry);
  }
}

void Partition::fence_silent(Clock::time_point now) {
  if (now - own_checkpoint_ > kUpToDate) return;  // rule 16: only who is at the log's end may judge
  const std::uint32_t self = incarnations_.number(life_.incarnation);
  for (const auto& [incarnation, clients] : view_.online()) {
    if (incarnation == self || fencing_.contains(incarnation)) continue;
    const auto heard = heard_.find(incarnation);
    // While Kafka was away nobody was heard.
    const Clock::time_point last =
        heard == heard_.end() ? up_to_date_since_ : std::max(heard->second, up_to_date_since_);
    if (now - last < kSilence) continue;
    fencing_.insert(incarnation);
    effects_.write(number_, {Kind::Fence, incarnations_.name(incarnation), Role::Owner}, Fence{*written_});
  }
}

std::size_t Partition::expire() {
  if (!active_) return 0;
  const auto now = view_.time();
  std::size_t ended = 0;
  std::size_t written = 0;
  for (const auto& [client, entry] : view_.entries()) {
    if (written == kExpiredAtOnce) break;
    if (entry.online) continue;
    if (entry.session && now - entry.since >= seconds(entry.expiry_seconds)) {
      if (!ending_.insert(client).second) continue;
      write_state(view_.claim(entry), client, false, false, {}, Role::Steward);
      effects_.drop(number_, client);  // what else was found for it must not be written behind that
      ++ended;
      ++written;
    } else if (!entry.session && now - entry.since >= kBurial) {
      ++written;
      effects_.write(number_, {Kind::State, client, Role::Owner}, Tombstone{*written_});
      effects_.write(number_, {Kind::Claim, client, Role::Owner}, Tombstone{*written_});
    }
  }
  for (const Key& key : view_.spent(now - kBurial)) effects_.write(number_, key, Tombstone{*written_});
  return ended;
}

}  // namespace mqttproxy::cluster
