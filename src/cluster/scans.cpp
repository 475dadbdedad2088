#include "scans.hpp"

#include <algorithm>
#include <utility>

namespace mqttproxy::cluster {

Scans::Id Scans::add(JobId job, std::int64_t at, std::int64_t end) {
  auto& group = groups_[at];
  if (!group) group = std::make_unique<Group>(Group{.at = at, .by_end = {}, .size = 0});
  const Id id = scans_.take();
  scans_[id].end = end;
  scans_[id].job = job;
  ++group->size;
  place(id, *group, group->by_end[end]);
  return id;
}

void Scans::place(Id scan, Group& group, std::vector<Id>& same_end) {
  scans_[scan].group = &group;
  scans_[scan].index = static_cast<std::uint32_t>(same_end.size());
  same_end.push_back(scan);
}

void Scans::remove(Id scan) {
  const Scan removed = scans_[scan];
  const auto same_end = removed.group->by_end.find(removed.end);
  const Id last = same_end->second.back();
  same_end->second[removed.index] = last;
  scans_[last].index = removed.index;
  same_end->second.pop_back();
  if (same_end->second.empty()) removed.group->by_end.erase(same_end);
  if (--removed.group->size == 0) groups_.erase(removed.group->at);
  scans_.give_back(scan);
}

bool Scans::wants(Id scan, std::int64_t from, std::int64_t offset) const noexcept {
  const std::int64_t at = scans_[scan].group->at;
  return at >= from && offset >= at && offset < scans_[scan].end;
}

std::int64_t Scans::next(std::int64_t least) const {
  const auto group = groups_.lower_bound(least);
  return group == groups_.end() ? kNowhere : group->first;
}

std::int64_t Scans::reach(std::int64_t from, std::int64_t to, std::int64_t gap, std::int64_t limit) const {
  for (auto it = groups_.lower_bound(from); it != groups_.end() && it->first < limit && it->first <= to + gap; ++it) {
    to = std::max(to, std::min(it->second->by_end.rbegin()->first, limit));
  }
  return to;
}

std::vector<Scans::JobId> Scans::advance(std::int64_t from, std::int64_t to) {
  std::vector<JobId> ended;
  for (auto it = groups_.lower_bound(from); it != groups_.end() && it->first < to;) {
    std::unique_ptr<Group> group = std::move(it->second);
    it = groups_.erase(it);
    group->at = to;
    end_some(*group, ended);
    if (group->size != 0) settle(std::move(group));
  }
  return ended;
}

void Scans::end_some(Group& group, std::vector<JobId>& ended) {
  while (!group.by_end.empty() && group.by_end.begin()->first <= group.at) {
    const auto same_end = group.by_end.extract(group.by_end.begin());
    for (const Id scan : same_end.mapped()) {
      ended.push_back(scans_[scan].job);
      scans_.give_back(scan);
    }
    group.size -= same_end.mapped().size();
  }
}

/// Where there is a group already the smaller one becomes part of the larger one: no scan changes groups often.
void Scans::settle(std::unique_ptr<Group> group) {
  std::unique_ptr<Group>& there = groups_[group->at];
  if (!there || there->size < group->size) std::swap(there, group);
  if (group) absorb(*there, *group);
}

void Scans::absorb(Group& group, const Group& smaller) {
  for (const auto& [end, scans] : smaller.by_end) {
    auto& same_end = group.by_end[end];
    for (const Id scan : scans) place(scan, group, same_end);
  }
  group.size += smaller.size;
}

}  // namespace mqttproxy::cluster
