#include "offline.hpp"

#include <algorithm>
#include <utility>

namespace mqttproxy::cluster {

OfflineSessions::ByClient& OfflineSessions::clients(std::int32_t partition) {
  const auto index = static_cast<std::size_t>(partition);
  if (index >= by_client_.size()) {
    by_client_.resize(index + 1);
    changed_.resize(index + 1);
    behind_.resize(index + 1);
  }
  return by_client_[index];
}

void OfflineSessions::adopt(std::int32_t partition, const std::string& client, LifeId claim, Cut cut) {
  drop(partition, client);
  Slot slot = next_slot_++;
  while (sessions_.contains(slot)) slot = next_slot_++;  // it wraps
  clients(partition).emplace(client, slot);
  Session& session = sessions_[slot];
  session.partition = partition;
  session.client = client;
  session.proxy = split_client_name(client).proxy;
  session.claim = std::move(claim);
  session.filters = std::move(cut.filters);
  session.references = std::move(cut.references);
  session.early = session.references.size();
  session.from = std::move(cut.from);
  for (const Filter& filter : session.filters) {
    const auto added = tree_.subscribe(filter.text, slot, filter.granted);
    if (added.is_new) session.in_tree.push_back(added.filter);
  }
  counters_[OfflineEvent::Sessions].add();
  counters_[OfflineEvent::References].add(session.references.size());

  // Rule 7: what came between the cut and this node's position is searched; what comes is seen.
  Recovery gap{session.filters, {}, session.from, history_.position()};
  if (session.filters.empty() || !is_behind(gap.from, gap.to)) return;
  behind_[static_cast<std::size_t>(partition)].insert(slot);
  session.gap = history_.recover(
      session.proxy, gap,
      [this, slot](const std::vector<Recovered>& messages, bool complete) { on_gap(slot, messages, complete); });
}

void OfflineSessions::on_gap(Slot slot, const std::vector<Recovered>& messages, bool complete) {
  Session& session = sessions_.at(slot);
  for (const Recovered& found : messages) {
    if (missed(slot, session, {found.message->partition, found.message->offset, 0}, session.early)) ++session.early;
  }
  if (!complete) return;
  session.gap = 0;
  behind_[static_cast<std::size_t>(session.partition)].erase(slot);
  if (session.changed) note_changed(slot, session);
}

std::size_t OfflineSessions::on_message(const downlink::MessagePtr& message) {
  if (message->qos == mqtt::Qos::AtMostOnce) return 0;
  std::size_t missing = 0;
  tree_.match(message->topic, [&](Slot slot, mqtt::Qos granted) {
    Session& session = sessions_.at(slot);
    if (granted == mqtt::Qos::AtMostOnce || session.proxy != message->proxy) return;
    if (message->offset < offset_in(session.from, message->partition)) return;
    if (session.last_partition == message->partition && session.last_offset == message->offset) return;
    session.last_partition = message->partition;
    session.last_offset = message->offset;
    (void)missed(slot, session, {message->partition, message->offset, 0}, session.references.size());
    ++missing;
  });
  return missing;
}

bool OfflineSessions::missed(Slot slot, Session& session, const Reference& reference, std::size_t at) {
  std::vector<Reference>& references = session.references;
  if (references.size() >= most_references_) {
    counters_[OfflineEvent::Dropped].add();
    if (at == (drop_newest_ ? references.size() : 0)) return false;
    if (drop_newest_) {
      references.pop_back();
    } else {
      references.erase(references.begin());
      --at;
      if (session.early > 0) --session.early;
    }
    counters_[OfflineEvent::References].sub();
  }
  references.insert(references.begin() + static_cast<std::ptrdiff_t>(at), reference);
  counters_[OfflineEvent::References].add();
  counters_[OfflineEvent::Collected].add();
  if (!std::exchange(session.changed, true) && session.gap == 0) note_changed(slot, session);
  return true;
}

void OfflineSessions::note_changed(Slot slot, const Session& session) {
  changed_[static_cast<std::size_t>(session.partition)].push_back(slot);
}

void OfflineSessions::drop(std::int32_t partition, const std::string& client) {
  const auto it = clients(partition).find(client);
  if (it != clients(partition).end()) remove(it->second);
}

void OfflineSessions::drop_all(std::int32_t partition) {
  while (!clients(partition).empty()) remove(clients(partition).begin()->second);
}

void OfflineSessions::remove(Slot slot) {
  const auto node = sessions_.extract(slot);
  const Session& session = node.mapped();
  if (session.gap != 0) history_.cancel(session.gap);
  for (const auto filter : session.in_tree) (void)tree_.unsubscribe(filter, slot);
  counters_[OfflineEvent::Sessions].sub();
  counters_[OfflineEvent::References].sub(session.references.size());
  const auto index = static_cast<std::size_t>(session.partition);
  by_client_[index].erase(session.client);
  behind_[index].erase(slot);
}

bool OfflineSessions::has(std::int32_t partition, const std::string& client) const {
  const auto index = static_cast<std::size_t>(partition);
  return index < by_client_.size() && by_client_[index].contains(client);
}

Cut OfflineSessions::cut(std::int32_t partition, const std::string& client) const {
  return cut(sessions_.at(by_client_[static_cast<std::size_t>(partition)].at(client)));
}

Cut OfflineSessions::cut(const Session& session) const {
  Cut cut{session.filters, session.references, history_.position()};
  if (session.gap == 0) {
    // This node may be behind where the session's last owner was.
    raise(cut.from, session.from);
    return cut;
  }
  // What is not before the cut will be found again.
  cut.from = session.from;
  std::erase_if(cut.references,
                [&session](const Reference& each) { return each.offset >= offset_in(session.from, each.partition); });
  return cut;
}

std::vector<OfflineSessions::Slot> OfflineSessions::take_changed(std::int32_t partition) {
  (void)clients(partition);
  return std::exchange(changed_[static_cast<std::size_t>(partition)], {});
}

std::optional<OfflineSessions::Changed> OfflineSessions::store(Slot slot) {
  const auto it = sessions_.find(slot);
  if (it == sessions_.end() || !std::exchange(it->second.changed, false)) return std::nullopt;
  const Session& session = it->second;
  return Changed{session.client, session.claim, cut(session)};
}

std::vector<std::string> OfflineSessions::behind(std::int32_t partition) const {
  std::vector<std::string> names;
  const auto index = static_cast<std::size_t>(partition);
  if (index >= behind_.size()) return names;
  for (const Slot slot : behind_[index]) names.push_back(sessions_.at(slot).client);
  return names;
}

}  // namespace mqttproxy::cluster
