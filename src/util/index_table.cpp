#include "mqttproxy/util/index_table.hpp"

#include <utility>

namespace mqttproxy::util {

void IndexTable::insert(std::uint32_t hash, Index index) {
  if ((size_ + 1) * 4 > slots_.size() * 3) resize(slots_.empty() ? kFewestSlots : slots_.size() * 2);
  place({hash, index});
  ++size_;
}

void IndexTable::erase(std::uint32_t hash, Index index) noexcept {
  std::size_t hole = slot_of(hash, index);
  // Every entry behind the hole that may stand there moves up: no lookup ends early at an empty slot.
  for (std::size_t at = next(hole); slots_[at].index != kNone; at = next(at)) {
    const std::size_t mask = slots_.size() - 1;
    const std::size_t from_home = (at - home(slots_[at].hash)) & mask;
    if (from_home < ((at - hole) & mask)) continue;
    slots_[hole] = slots_[at];
    hole = at;
  }
  slots_[hole] = {};
  --size_;
  if (slots_.size() > kFewestSlots && size_ * 8 < slots_.size()) resize(slots_.size() / 2);
}

std::size_t IndexTable::slot_of(std::uint32_t hash, Index index) const noexcept {
  std::size_t at = home(hash);
  while (slots_[at].index != index) at = next(at);
  return at;
}

void IndexTable::place(Slot slot) noexcept {
  std::size_t at = home(slot.hash);
  while (slots_[at].index != kNone) at = next(at);
  slots_[at] = slot;
}

void IndexTable::resize(std::size_t slots) {
  const std::vector<Slot> old = std::exchange(slots_, std::vector<Slot>(slots));
  shift_ = 32U - static_cast<unsigned>(std::countr_zero(slots));
  for (const Slot& slot : old) {
    if (slot.index != kNone) place(slot);
  }
}

}  // namespace mqttproxy::util
