#include "partition.hpp"

#include <algorithm>
#include <variant>

namespace mqttproxy::cluster {

namespace {

using std::chrono::seconds;

/// Younger claims that came too late are made again.
constexpr seconds kClaimedAgain{2};
/// A deletion is not begun again after this: who has asked for it has been told that it is not done.
constexpr seconds kRemovedAgain{10};
/// Of a checkpoint, for the names of who is behind.
constexpr std::size_t kMostNameBytes = 500'000;

bool has_room_for(const std::vector<std::string>& names) noexcept {
  std::size_t bytes = 0;
  for (const std::string& name : names) bytes += written_bytes(name);
  return bytes <= kMostNameBytes;
}

}  // namespace

// ---- the log -------------------------------------------------------------------------------------------------------

void Partition::begin(std::int64_t first, std::int64_t end) {
  begun_ = true;
  first_ = next_ = first;
  end_ = end;
  if (loaded()) start_waiting();
}

bool Partition::apply(std::int64_t offset, std::chrono::system_clock::time_point time, const Key& key,
                      const Record& record, Clock::time_point now) {
  Before before;
  if (const Entry* entry = key.kind == Kind::Claim ? view_.find(key.name) : nullptr) {
    before = {entry->session || !entry->clean, entry->incarnation == incarnations_.number(life_.incarnation)};
  }
  const bool counts = view_.apply(offset, time, key, record);
  if (std::holds_alternative<Tombstone>(record)) {
    if (!counts) repair(key.name);
  } else if (key.kind == Kind::Claim) {
    const auto& claim = std::get<Claim>(record);
    heard_.try_emplace(incarnations_.number(claim.id.incarnation), now);  // its first checkpoint is still to come
    counts ? read_claim(offset, key.name, claim, before, now) : read_late_claim(key.name, claim, now);
  } else if (key.kind == Kind::State) {
    read_state(key.name, std::get<State>(record), counts);
  } else if (key.kind == Kind::Steward) {
    read_steward(std::get<Steward>(record));
  } else if (key.kind == Kind::Fence) {
    counts ? read_fence(offset, key.name) : lift_fences();
  } else {
    heard_[incarnations_.number(key.name)] = now;
    if (key.name == life_.incarnation) {
      if (now - own_checkpoint_ > kUpToDate) up_to_date_since_ = now;
      own_checkpoint_ = now;
    }
  }
  read_up_to(offset + 1);
  return counts;
}

void Partition::read_up_to(std::int64_t next) {
  const bool was_loaded = loaded();
  next_ = std::max(next_, next);
  if (!was_loaded && loaded()) start_waiting();
}

void Partition::start_waiting() {
  for (const auto& [seat, request] : std::exchange(waiting_, {})) claim(seat, request);
  for (const auto& [client, since] : std::exchange(removals_, {})) remove(client, since);
}

void Partition::read_claim(std::int64_t offset, const std::string& client, const Claim& claim, const Before& before,
                           Clock::time_point now) {
  if (claim.first >= 0) return repair(client);  // written again, only to be the last of its key
  effects_.drop(number_, client);
  const bool mine = claim.id.incarnation == life_.incarnation;
  for (const Number number : numbers_of(client)) {
    const Mine& other = claims_.at(number);
    // Rule 17: a later claim closes the connection. One that was not read back yet is later still.
    if (other.offset < 0 || (mine && number == claim.id.number)) continue;
    end(number, claim.deletion ? Loss::Deleted : Loss::Takeover);
  }
  if (!mine) return;
  if (const auto it = claims_.find(claim.id.number); it != claims_.end()) {
    if (it->second.offset < 0) settle_claim(it->first, offset, before, now);
  } else {
    release_claim(client, claim.id);  // rule 13: nobody is left that it was for
  }
}

/// Another node has claimed the client since this claim was made. Moments ago: the client has moved faster than records
/// do, or two are racing, and it is claimed again. Long ago: the claim could not be written, and its client has been
/// told so.
void Partition::read_late_claim(const std::string& client, const Claim& claim, Clock::time_point now) {
  repair(client);
  const auto it = claim.id.incarnation == life_.incarnation ? claims_.find(claim.id.number) : claims_.end();
  if (it == claims_.end() || it->second.offset >= 0) return;
  if (!it->second.deletion && now - it->second.read_at > kClaimedAgain) return end(it->first, Loss::Takeover);
  Mine again = it->second;
  forget(it->first);
  this->claim(std::move(again));
}

void Partition::settle_claim(Number number, std::int64_t offset, const Before& before, Clock::time_point now) {
  Mine& mine = claims_.at(number);
  mine.offset = offset;
  const Entry& entry = *view_.find(mine.client);
  if (mine.deletion) {
    mine.wipe = write_state(view_.claim(entry), mine.client, false, false, {});
    return;
  }
  if (!mine.clean || !entry.session) return go_live(mine, before);
  // Rule 12: somebody has used the session since CONNECT was read, and that is long ago.
  if (entry.used > mine.seen && now - mine.read_at > kClaimedAgain) {
    const std::string client = mine.client;
    end(number, Loss::Takeover);
    return release_claim(client, view_.claim(entry));
  }
  mine.wipe = write_state(view_.claim(entry), mine.client, true, false, {});  // rule 11
}

void Partition::go_live(Mine& mine, const Before& before) {
  const Entry& entry = *view_.find(mine.client);
  mine.live = true;
  Claimed claimed;
  claimed.session_present = !mine.clean && before.persistent;
  claimed.unbroken = claimed.session_present && before.ours;
  if (!mine.clean) claimed.cut = view_.cut(mine.client, entry);
  if (entry.spoiled) write_state(view_.claim(entry), mine.client, true, entry.session, claimed.cut);  // rule 14
  effects_.claimed(mine.seat, std::move(claimed));
}

void Partition::read_state(const std::string& client, const State& state, bool counts) {
  if (state.claim.incarnation == life_.incarnation) {
    if (const auto it = claims_.find(state.claim.number); it != claims_.end()) {
      Mine& mine = it->second;
      if (state.role == Role::Owner && mine.unread > 0) --mine.unread;
      if (mine.wipe != 0 && mine.wipe == state.number) {
        mine.wipe = 0;
        if (mine.deletion) {
          end(it->first, counts ? std::nullopt : std::optional(Loss::Fenced));
        } else if (counts) {
          go_live(mine, {});
        } else {  // rule 13
          end(it->first, Loss::Fenced);
          release_claim(client, state.claim);
        }
      } else if (auto token = mine.waiting.extract(state.number); token && counts) {  // rule 10
        effects_.stored(mine.seat, token.mapped());
      }
    }
  }
  const bool ended = state.role == Role::Steward && !state.session && ending_.erase(client) != 0;
  if (!counts) repair(client);
  if (!counts && !ended) return;
  const Entry& entry = *view_.find(client);
  if (active_ && !entry.online) adopt(client, entry);
}

void Partition::read_fence(std::int64_t offset, const std::string& incarnation) {
  fencing_.erase(incarnations_.number(incarnation));
  if (incarnation == life_.incarnation) {
    std::vector<Number> fenced;
    for (const auto& [number, mine] : claims_) {
      if (mine.offset >= 0 && mine.offset < offset) fenced.push_back(number);
    }
    for (const Number number : fenced) end(number, Loss::Fenced);
  }
  if (active_) adopt_all();
}

/// Rule 14: to a reader who has not seen the record of another steward they would count.
void Partition::lift_fences() {
  if (!active_) return;
  for (const std::uint32_t incarnation : view_.spoiled_fences()) {
    effects_.write(number_, {Kind::Fence, incarnations_.name(incarnation)}, Tombstone{*written_});
  }
}

/// Rule 14: the last record of a key does not count; who is responsible for the client writes what does. Also where
/// there is no session: to a reader who has not seen what made an old state void, that would bring it back.
void Partition::repair(const std::string& client) {
  const Entry* entry = view_.find(client);
  if (entry == nullptr || !loaded()) return;
  const LifeId claim = view_.claim(*entry);
  const auto it = claim.incarnation == life_.incarnation ? claims_.find(claim.number) : claims_.end();
  const bool served = it != claims_.end();
  if (!served && (!active_ || entry->online)) return;
  if (entry->claim_spoiled) return write_claim_again(client, *entry);  // the state once that is read
  if (!entry->spoiled || ending_.contains(client)) return;
  if (!served) {
    Cut cut = effects_.adopted(number_, client) ? effects_.collected(number_, client) : view_.cut(client, *entry);
    write_state(claim, client, false, entry->session, std::move(cut), Role::Steward);
  } else if (it->second.unread == 0) {  // else one is under way that is newer, and will be the last of the key
    write_state(claim, client, true, entry->session, view_.cut(client, *entry));
  }
}

void Partition::write_claim_again(const std::string& client, const Entry& entry) {
  Claim again;
  again.id = view_.claim(entry);
  again.as_of = view_.as_of();
  again.clean = entry.clean;
  again.expiry_seconds = entry.expiry_seconds;
  again.first = entry.claimed;
  again.online = entry.online;
  effects_.write(number_, {Kind::Claim, client, Role::Owner}, again);
}

// ---- workers -------------------------------------------------------------------------------------------------------

void Partition::claim(Seat seat, const ClaimRequest& request) {
  if (!loaded()) {
    waiting_.emplace_back(seat, request);
    return;
  }
  Mine mine;
  mine.seat = seat;
  mine.client = client_name(request.proxy, request.client_id);
  mine.clean = request.clean;
  mine.expiry_seconds = request.expiry.count();
  mine.read_at = request.read_at;
  mine.seen = view_.as_of();
  claim(std::move(mine));
}

void Partition::claim(Mine mine) {
  const Number number = life_.next_number++;
  if (!mine.deletion) seats_[mine.seat] = number;
  by_client_.emplace(mine.client, number);
  effects_.write(
      number_, {Kind::Claim, mine.client, Role::Owner},
      Claim{{life_.incarnation, number}, view_.as_of(), mine.clean, mine.deletion, mine.expiry_seconds, -1, true});
  claims_.emplace(number, std::move(mine));
}

void Partition::release(Seat seat, const std::string& client, std::optional<Cut> cut) {
  std::erase_if(waiting_, [&](const auto& waiting) { return waiting.first == seat; });
  const Number number = number_of(seat);
  if (number == 0) return;
  const Mine mine = claims_.at(number);
  end(number, std::nullopt);
  if (mine.offset < 0) return;  // when it is read back there is nobody: it is released then
  const LifeId id{life_.incarnation, number};
  if (!cut || !mine.live) return release_claim(client, id);
  write_state(id, client, false, true, std::move(*cut));
}

/// The claim ends, the session stays as it is.
void Partition::release_claim(const std::string& client, const LifeId& claim) {
  const Entry* entry = view_.find(client);
  if (entry == nullptr || !entry->online || view_.claim(*entry) != claim) return;
  write_state(claim, client, false, entry->session, view_.cut(client, *entry));
}

void Partition::store(Seat seat, const std::string& client, Cut cut, std::uint64_t token) {
  const Number number = number_of(seat);
  if (number == 0) return;
  const Number state = write_state({life_.incarnation, number}, client, true, true, std::move(cut));
  claims_.at(number).waiting.emplace(state, token);
}

void Partition::remove(const std::string& client, Clock::time_point now) {
  if (!loaded()) {
    removals_.try_emplace(client, now);
    return;
  }
  Mine mine;
  mine.client = client;
  mine.deletion = true;
  mine.read_at = now;
  claim(std::move(mine));
}

void Partition::remove_waiting(Clock::time_point now) {
  for (const auto& [client, since] : std::exchange(removals_, {})) {
    const Entry* entry = view_.find(client);
    if (entry == nullptr || !(entry->session || entry->online)) continue;  // another deletion has done it
    if (now - since < kRemovedAgain) remove(client, since);
  }
}

Partition::Number Partition::write_state(const LifeId& claim, const std::string& client, bool online, bool session,
                                         Cut cut, Role role) {
  State state;
  state.claim = claim;
  state.role = role;
  if (role == Role::Steward) state.steward = *written_;
  state.number = life_.next_number++;
  state.online = online;
  state.session = session;
  if (session) {
    state.cut = std::move(cut);
    state.expiry_seconds = view_.find(client)->expiry_seconds;
  }
  if (role == Role::Owner && claim.incarnation == life_.incarnation) {
    if (const auto it = claims_.find(claim.number); it != claims_.end()) ++it->second.unread;
  }
  effects_.write(number_, {Kind::State, client, Role::Owner}, state);
  return state.number;
}

/// The claim is no longer this node's concern. With `loss` its connection has to end, or its deletion has failed.
void Partition::end(Number number, std::optional<Loss> loss) {
  const Mine ended = claims_.at(number);
  forget(number);
  if (!loss) return;
  if (!ended.deletion) return effects_.lost(ended.seat, *loss);
  removals_.try_emplace(ended.client, ended.read_at);
}

void Partition::forget(Number number) {
  const auto node = claims_.extract(number);
  const Mine& mine = node.mapped();
  const auto [first, last] = by_client_.equal_range(mine.client);
  by_client_.erase(std::find_if(first, last, [number](const auto& entry) { return entry.second == number; }));
  if (!mine.deletion) seats_.erase(mine.seat);
}

bool Partition::removing(const std::string& client) const {
  return removals_.contains(client) ||
         std::ranges::any_of(numbers_of(client), [this](Number number) { return claims_.at(number).deletion; });
}

std::vector<Partition::Number> Partition::numbers_of(const std::string& client) const {
  std::vector<Number> numbers;
  const auto [first, last] = by_client_.equal_range(client);
  for (auto it = first; it != last; ++it) numbers.push_back(it->second);
  return numbers;
}

Partition::Number Partition::number_of(Seat seat) const {
  const auto it = seats_.find(seat);
  return it == seats_.end() ? 0 : it->second;
}

// ---- checkpoints ---------------------------------------------------------------------------------------------------

void Partition::write_changed(Seat seat, Cut cut) {
  const Number number = number_of(seat);
  if (number == 0) return;
  write_state({life_.incarnation, number}, std::string(claims_.at(number).client), true, true, std::move(cut));
}

void Partition::write_owner_checkpoint(const Offsets& position, std::int64_t as_of, std::vector<std::string> behind) {
  Checkpoint checkpoint{position, as_of, {}, std::move(behind)};
  for (const auto& [number, mine] : claims_) {  // claimed, and no worker knows of it yet
    if (mine.offset >= 0 && !mine.live) checkpoint.behind.push_back(mine.client);
  }
  if (has_room_for(checkpoint.behind)) last_checkpoint_ = std::move(checkpoint);
  repeat_owner_checkpoint();
}

void Partition::repeat_owner_checkpoint() {
  effects_.write(number_, {Kind::Checkpoint, life_.incarnation, Role::Owner}, last_checkpoint_);
}

void Partition::write_steward_state(const std::string& client, const LifeId& claim, Cut cut) {
  if (active_) write_state(claim, client, false, true, std::move(cut), Role::Steward);
}

void Partition::write_steward_checkpoint(const LifeId& steward, const Offsets& position, std::int64_t as_of,
                                         std::vector<std::string> behind) {
  if (!active_ || *written_ != steward) return;
  behind.insert(behind.end(), ending_.begin(), ending_.end());  // nothing is collected for them any more
  if (!has_room_for(behind)) return;
  effects_.write(number_, {Kind::Checkpoint, life_.incarnation, Role::Steward},
                 Checkpoint{position, as_of, steward, std::move(behind)});
}

void Partition::restart() {
  std::vector<Number> all;
  for (const auto& [number, mine] : claims_) all.push_back(number);
  for (const Number number : all) end(number, Loss::Unavailable);
  last_checkpoint_ = {};
  stop_stewarding();
}

}  // namespace mqttproxy::cluster
