#include "view.hpp"

#include <algorithm>
#include <utility>

#include "packed.hpp"

namespace mqttproxy::cluster {

namespace {

/// Of each partition the later one.
std::shared_ptr<const Offsets> later(const std::shared_ptr<const Offsets>& a, const std::shared_ptr<const Offsets>& b) {
  if (a == nullptr || a == b) return b;
  if (b == nullptr) return a;
  if (!is_behind(*b, *a)) return b;  // shared by many sessions
  if (!is_behind(*a, *b)) return a;
  auto both = std::make_shared<Offsets>(*a);
  raise(*both, *b);
  return both;
}

}  // namespace

std::uint32_t Incarnations::number(std::string_view name) {
  if (const auto it = numbers_.find(name); it != numbers_.end()) return it->second;
  const auto [it, added] = numbers_.emplace(std::string(name), static_cast<std::uint32_t>(names_.size()));
  names_.push_back(&it->first);
  return it->second;
}

bool View::apply(std::int64_t offset, std::chrono::system_clock::time_point time, const Key& key,
                 const Record& record) {
  time_ = time;
  as_of_ = offset;
  if (const auto* tombstone = std::get_if<Tombstone>(&record)) return apply_tombstone(key, *tombstone);
  switch (key.kind) {
    case Kind::Claim:
      return apply_claim(offset, key.name, std::get<Claim>(record));
    case Kind::State:
      return apply_state(offset, key.name, std::get<State>(record));
    case Kind::Checkpoint:
      return apply_checkpoint(offset, key, std::get<Checkpoint>(record));
    case Kind::Fence:
      return apply_fence(offset, key, std::get<Fence>(record));
    case Kind::Steward:
      steward_ = std::get<Steward>(record).id;
      return true;
  }
  return false;
}

bool View::apply_claim(std::int64_t offset, const std::string& client, const Claim& claim) {
  Entry& entry = entries_[client];
  const std::uint32_t incarnation = incarnations_.number(claim.id.incarnation);
  if (entry.incarnation == incarnation && entry.claim == claim.id.number) {  // written again, to be the last of its key
    entry.claim_spoiled = false;
    return true;
  }
  // A node writes its claims in order, and knows of its own before it reads them.
  const bool knows_all = entry.incarnation == incarnation && entry.claim < claim.id.number;
  if (entry.incarnation != Entry::kNobody && !knows_all && entry.claimed > claim.as_of) {
    // To a reader who has not seen the one before, what is written until there is another claim means nothing.
    entry.claim_spoiled = entry.spoiled = true;
    return false;
  }
  // Also for who has not read what it was written again for, everything is as it was.
  const std::int64_t first = claim.first >= 0 ? claim.first : offset;
  entry.claim_spoiled = false;
  entry.claimed = first;
  entry.from = from(client, entry);                 // its last owner's or steward's progress, as far as it counts
  hand_over(entry, claim.online ? first : offset);  // for it may have been over for a while
  set_online(entry, false);
  entry.incarnation = incarnation;
  entry.claim = claim.id.number;
  entry.clean = claim.clean;
  entry.known = true;
  entry.expiry_seconds = claim.expiry_seconds;
  if (!claim.clean) entry.used = first;
  set_online(entry, claim.online);
  return true;
}

bool View::apply_state(std::int64_t offset, const std::string& client, const State& state) {
  const bool overruled = state.role == Role::Steward && !is_steward(state.steward);
  const bool claimed = entries_.contains(client);
  if (overruled && !claimed) return false;  // every entry has a claim
  Entry& entry = entries_[client];
  const std::uint32_t incarnation = incarnations_.number(state.claim.incarnation);
  const bool current = entry.incarnation == incarnation && entry.claim == state.claim.number;
  const bool released = state.role == Role::Owner && claimed && !entry.online;
  if ((claimed && !current) || released || overruled) {
    entry.spoiled = true;
    return false;
  }
  entry.spoiled = entry.claim_spoiled;
  if (state.role == Role::Owner) entry.used = offset;
  if (!claimed) {
    entry.incarnation = incarnation;
    entry.claim = state.claim.number;
    entry.expiry_seconds = state.expiry_seconds;
  }
  if (!state.session || !claimed) entry.clean = !state.session;
  if (!claimed || (entry.online && !state.online)) hand_over(entry, offset);
  if (entry.session && !state.session && !state.online) entry.since = time_;
  set_online(entry, state.online);
  set_session(entry, state.session);
  entry.filters = pack(state.cut.filters);
  entry.references = pack(state.cut.references);
  entry.from = state.session ? std::make_shared<const Offsets>(state.cut.from) : nullptr;
  entry.state = offset;
  return true;
}

bool View::apply_checkpoint(std::int64_t offset, const Key& key, const Checkpoint& checkpoint) {
  // Of a steward nobody knows any more nothing is needed: who came after it has begun where it was.
  if (key.role == Role::Steward && steward_ != checkpoint.steward) return false;
  auto& marks = key.role == Role::Owner ? owner_marks_ : steward_marks_;
  Mark& mark = marks[incarnations_.number(key.name)];
  mark.time = time_;
  mark.offset = offset;
  mark.as_of = checkpoint.as_of;
  mark.behind = checkpoint.behind;
  std::ranges::sort(mark.behind);
  mark.position = std::make_shared<const Offsets>(checkpoint.position);
  return true;
}

bool View::apply_fence(std::int64_t offset, const Key& key, const Fence& fence) {
  const std::uint32_t incarnation = incarnations_.number(key.name);
  const bool counts = is_steward(fence.steward);
  fences_[incarnation] = {time_, offset, counts};
  if (!counts) return false;
  if (!online_.contains(incarnation)) return true;
  for (auto& [client, entry] : entries_) {
    if (!entry.online || entry.incarnation != incarnation) continue;
    entry.from = from(client, entry);
    hand_over(entry, offset);
    set_online(entry, false);
  }
  return true;
}

bool View::apply_tombstone(const Key& key, const Tombstone& tombstone) {
  // Whoever has written it: nobody does where that changes anything.
  if (key.kind == Kind::Fence) fences_.erase(incarnations_.number(key.name));
  if (key.kind == Kind::Checkpoint) {
    (key.role == Role::Owner ? owner_marks_ : steward_marks_).erase(incarnations_.number(key.name));
  }
  if (key.kind != Kind::Claim && key.kind != Kind::State) return true;
  const auto it = entries_.find(key.name);
  if (it == entries_.end()) return true;
  Entry& entry = it->second;
  if (entry.online || entry.session || !is_steward(tombstone.steward)) {
    (key.kind == Kind::Claim ? entry.claim_spoiled : entry.spoiled) = true;
    return false;
  }
  if (key.kind == Kind::Claim) entries_.erase(it);
  return true;
}

bool View::counts(const Mark& mark, std::string_view client, const Entry& entry) {
  return entry.known && mark.offset > entry.state && entry.handover <= mark.as_of &&
         !std::ranges::binary_search(mark.behind, client, std::less<>{});
}

std::shared_ptr<const Offsets> View::from(std::string_view client, const Entry& entry) const {
  std::shared_ptr<const Offsets> position = entry.from;
  if (!entry.session) return position;
  if (entry.online) {
    const auto it = owner_marks_.find(entry.incarnation);
    if (it != owner_marks_.end() && counts(it->second, client, entry)) position = later(position, it->second.position);
    return position;
  }
  for (const auto& [incarnation, mark] : steward_marks_) {
    if (counts(mark, client, entry)) position = later(position, mark.position);
  }
  return position;
}

std::vector<std::uint32_t> View::spoiled_fences() const {
  std::vector<std::uint32_t> spoiled;
  for (const auto& [incarnation, fence] : fences_) {
    if (!fence.counts) spoiled.push_back(incarnation);
  }
  return spoiled;
}

/// Whose checkpoint is to move the entry's cut: its owner's, or the current steward's.
const View::Mark* View::responsible(const Entry& entry) const {
  const Marks& marks = entry.online ? owner_marks_ : steward_marks_;
  if (!entry.online && !steward_) return nullptr;
  const auto it = marks.find(entry.online ? entry.incarnation : incarnations_.number(steward_->incarnation));
  return it == marks.end() ? nullptr : &it->second;
}

/// Every session's cut is said by a state behind the offset, or by a checkpoint that is not before the position.
bool View::all_beyond(std::int64_t offset, const Offsets& position) const {
  return std::ranges::all_of(entries_, [&](const auto& named) {
    const auto& [client, entry] = named;
    if (!entry.session || entry.state > offset) return true;
    const Mark* mark = responsible(entry);
    return mark != nullptr && counts(*mark, client, entry) && !is_behind(*mark->position, position);
  });
}

std::vector<Key> View::spent(std::chrono::system_clock::time_point time) const {
  std::vector<Key> keys;
  std::int64_t offset = -1;
  Offsets position;
  const auto add = [&](Kind kind, std::uint32_t incarnation, Role role, std::int64_t at) {
    keys.push_back({kind, incarnations_.name(incarnation), role});
    offset = std::max(offset, at);
  };
  for (const auto& [incarnation, mark] : owner_marks_) {
    if (mark.time > time || online_.contains(incarnation)) continue;
    add(Kind::Checkpoint, incarnation, Role::Owner, mark.offset);
    raise(position, *mark.position);
  }
  for (const auto& [incarnation, mark] : steward_marks_) {
    if (mark.time > time || (steward_ && steward_->incarnation == incarnations_.name(incarnation))) continue;
    add(Kind::Checkpoint, incarnation, Role::Steward, mark.offset);
    raise(position, *mark.position);
  }
  std::map<std::uint32_t, std::int64_t> fences;
  for (const auto& [incarnation, fence] : fences_) {
    if (fence.time <= time) fences.emplace(incarnation, fence.offset);
  }
  if (!fences.empty()) {  // to who has not read the fence its claims were still good
    for (const auto& [client, entry] : entries_) fences.erase(entry.incarnation);
  }
  for (const auto& [incarnation, at] : fences) add(Kind::Fence, incarnation, Role::Owner, at);
  if (!keys.empty() && !all_beyond(offset, position)) keys.clear();
  return keys;
}

void View::hand_over(Entry& entry, std::int64_t offset) {
  entry.handover = offset;
  entry.since = time_;
}

void View::set_online(Entry& entry, bool online) {
  if (entry.online == online) return;
  entry.online = online;
  if (online) {
    ++online_[entry.incarnation];
  } else if (const auto it = online_.find(entry.incarnation); --it->second == 0) {
    online_.erase(it);
  }
}

void View::set_session(Entry& entry, bool session) {
  if (entry.session == session) return;
  entry.session = session;
  session ? ++sessions_ : --sessions_;
}

const Entry* View::find(std::string_view client) const {
  const auto it = entries_.find(std::string(client));
  return it == entries_.end() ? nullptr : &it->second;
}

Cut View::cut(std::string_view client, const Entry& entry) const {
  Cut cut;
  if (!entry.session) return cut;
  cut.filters = unpack_filters(entry.filters);
  cut.references = unpack_references(entry.references);
  if (const auto position = from(client, entry)) cut.from = *position;
  return cut;
}

LifeId View::claim(const Entry& entry) const {
  return {incarnations_.name(entry.incarnation), entry.claim};
}

}  // namespace mqttproxy::cluster
