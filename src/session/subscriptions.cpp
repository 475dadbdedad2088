#include "mqttproxy/session/subscriptions.hpp"

namespace mqttproxy::session {

bool Subscriptions::add(std::uint32_t slot, FilterSet& filters, std::string_view filter, mqtt::Qos granted,
                        std::size_t limit) {
  if (filters.size() >= limit) {
    const auto known = tree_.find(filter);
    if (!known || !std::ranges::binary_search(filters, *known)) return false;
  }
  const mqtt::SubscriptionTree::Added added = tree_.subscribe(filter, slot, granted);
  if (added.is_new) {
    filters.insert(std::ranges::lower_bound(filters, added.filter), added.filter);
    count_.add();
  }
  return true;
}

bool Subscriptions::remove(std::uint32_t slot, FilterSet& filters, std::string_view filter) {
  const auto known = tree_.find(filter);
  if (!known || !tree_.unsubscribe(*known, slot)) return false;
  filters.erase(std::ranges::lower_bound(filters, *known));
  count_.sub();
  return true;
}

void Subscriptions::clear(std::uint32_t slot, FilterSet& filters) noexcept {
  for (const mqtt::SubscriptionTree::FilterId filter : filters) (void)tree_.unsubscribe(filter, slot);
  count_.sub(filters.size());
  FilterSet().swap(filters);
}

void Subscriptions::collect(std::string_view topic) {
  hits_.clear();
  if (++round_ == 0) {  // wrapped: marks of 2^32 messages ago must not look fresh
    std::ranges::fill(marks_, Mark{});
    round_ = 1;
  }
  tree_.match(topic, [this](std::uint32_t slot, mqtt::Qos granted) {
    if (slot >= marks_.size()) marks_.resize(std::size_t{slot} + 1);
    Mark& mark = marks_[slot];
    if (mark.round == round_) {
      hits_[mark.hit].granted = std::max(hits_[mark.hit].granted, granted);
      return;
    }
    mark = {round_, static_cast<std::uint32_t>(hits_.size())};
    hits_.push_back({slot, granted});
  });
}

std::optional<mqtt::Qos> Subscriptions::granted(std::uint32_t slot, std::string_view filter) const noexcept {
  const auto known = tree_.find(filter);
  return known ? tree_.granted(*known, slot) : std::nullopt;
}

std::vector<std::pair<std::string, mqtt::Qos>> Subscriptions::list(std::uint32_t slot, const FilterSet& filters) const {
  std::vector<std::pair<std::string, mqtt::Qos>> listed;
  listed.reserve(filters.size());
  for (const mqtt::SubscriptionTree::FilterId filter : filters) {
    listed.emplace_back(tree_.text(filter), tree_.granted(filter, slot).value_or(mqtt::Qos::AtMostOnce));
  }
  std::ranges::sort(listed);
  return listed;
}

}  // namespace mqttproxy::session
