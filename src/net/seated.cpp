#include "seated.hpp"

#include <algorithm>
#include <utility>

namespace mqttproxy::net {

using cluster::Offsets;
using cluster::Reference;

void Seated::take_up(const std::vector<Reference>& references, bool missed) {
  stored_ = references;
  std::ranges::sort(stored_);
  if (missed) missing_.assign(references.rbegin(), references.rend());
}

void Seated::arrived(session::Position position) {
  equal_ = false;
  const auto is_it = [&](const Reference& reference) {
    return reference.partition == position.partition && reference.offset == position.offset;
  };
  const auto it = std::find_if(missing_.rbegin(), missing_.rend(), is_it);
  if (it != missing_.rend()) missing_.erase(std::next(it).base());
}

void Seated::recovered() {
  equal_ = false;
  std::vector<Reference>().swap(missing_);
}

std::vector<Reference> Seated::owed(const session::Session& session) const {
  const session::StoredSession& state = *session.stored;
  std::vector<Reference> references;
  if (session.outbox) {
    session.outbox->for_each_owed([&](session::Position at, mqtt::PacketId packet_id) {
      if (at.partition < 0) return;
      // Which of the messages from there on have come is not known before all have: they will be looked for again.
      if (state.recovering && at.offset >= cluster::offset_in(state.from, at.partition)) return;
      references.push_back({at.partition, at.offset, packet_id});
    });
  }
  references.insert(references.end(), missing_.rbegin(), missing_.rend());
  return references;
}

cluster::Cut Seated::cut(const session::Registry& registry, const session::Session& session, const Offsets& now) {
  const session::StoredSession& state = *session.stored;
  cluster::Cut cut;
  for (auto& [text, granted] : registry.subscriptions().list(state.self.slot, session.filters)) {
    cut.filters.push_back({std::move(text), granted});
  }
  cut.references = owed(session);
  stored_ = cut.references;
  std::ranges::sort(stored_);
  cut.from = state.from;
  if (state.recovering) return cut;
  // Where the worker has not come to it yet, what is before state.from is done with all the same.
  cluster::raise(cut.from, now);
  return cut;
}

bool Seated::is_outdated(const std::vector<Reference>& sorted, const Offsets& position) const {
  const auto is_unknown = [&](const Reference& reference) {
    return reference.offset < cluster::offset_in(position, reference.partition) &&
           !std::ranges::binary_search(stored_, reference);
  };
  return std::ranges::any_of(sorted, is_unknown) || !std::ranges::includes(sorted, stored_);
}

bool Seated::report(const session::Registry& registry, const session::Session& session, cluster::Seat seat,
                    const Offsets& now, cluster::Progress& progress) {
  session::StoredSession& state = *session.stored;
  if (state.recovering) {
    if (cluster::is_behind(state.from, progress.position)) progress.behind.push_back(seat);
  } else if (!cluster::is_behind(now, state.from)) {
    Offsets().swap(state.from);
  }
  const std::uint32_t version = session.outbox ? session.outbox->version() : 0;
  if (!equal_ || version != version_) {  // else a slow reader would be compared every second
    std::vector<Reference> references = owed(session);
    std::ranges::sort(references);
    if (is_outdated(references, progress.position)) progress.changed.emplace_back(seat, cut(registry, session, now));
    equal_ = references == stored_;
    version_ = version;
  }
  return state.recovering || !state.from.empty() || !equal_ || !stored_.empty();
}

}  // namespace mqttproxy::net
