#include "mqttproxy/mqtt/subscriber_list.hpp"

#include <algorithm>

namespace mqttproxy::mqtt {

namespace {

std::uint32_t hash_of(const Subscription& entry, const util::SipHash& hash) noexcept {
  return static_cast<std::uint32_t>(hash(std::uint64_t{entry.subscriber}));
}

}  // namespace

const Subscription* SubscriberList::find(std::uint32_t subscriber, const util::SipHash& hash) const noexcept {
  if (positions_.size() == 0) {
    const auto found = std::ranges::find(entries_, subscriber, &Subscription::subscriber);
    return found == entries_.end() ? nullptr : &*found;
  }
  const auto position = positions_.find(hash_of({subscriber}, hash), [&](std::uint32_t candidate) {
    return entries_[candidate].subscriber == subscriber;
  });
  return position == util::IndexTable::kNone ? nullptr : &entries_[position];
}

bool SubscriberList::insert(const Subscription& entry, const util::SipHash& hash) {
  if (const Subscription* const known = find(entry.subscriber, hash)) {
    entries_[static_cast<std::size_t>(known - entries_.data())].granted = entry.granted;
    return false;
  }
  entries_.push_back(entry);
  if (entries_.size() > kScanned) {
    for (auto position = static_cast<std::uint32_t>(positions_.size()); position < entries_.size(); ++position) {
      positions_.insert(hash_of(entries_[position], hash), position);
    }
  }
  return true;
}

bool SubscriberList::erase(std::uint32_t subscriber, const util::SipHash& hash) noexcept {
  const Subscription* const erased = find(subscriber, hash);
  if (erased == nullptr) return false;
  const auto position = static_cast<std::uint32_t>(erased - entries_.data());
  const auto last = static_cast<std::uint32_t>(entries_.size() - 1);
  if (positions_.size() > 0) {
    positions_.erase(hash_of(*erased, hash), position);
    if (position != last) positions_.replace(hash_of(entries_[last], hash), last, position);
  }
  entries_[position] = entries_[last];
  entries_.pop_back();
  if (entries_.size() == kScanned) positions_.reset();
  if (entries_.size() * 4 < entries_.capacity()) entries_.shrink_to_fit();
  return true;
}

}  // namespace mqttproxy::mqtt
