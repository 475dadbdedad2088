// Objects addressed by slot and generation instead of by pointer: what outlives an object (a delivery report, a
// posted call) finds nobody at home rather than freed memory.
#pragma once

#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

namespace mqttproxy::session {

/// Slot + generation; a default one refers to nothing.
struct Handle {
  std::uint32_t slot = 0xFFFFFFFFU;
  std::uint32_t generation = 0;

  friend bool operator==(const Handle&, const Handle&) = default;
  [[nodiscard]] bool valid() const noexcept { return slot != 0xFFFFFFFFU; }
};

/// Owner: one thread. Slots are reused, generations never repeat within 2^32 uses of a slot. References stay valid
/// until erase().
template <class T>
class Slab {
 public:
  template <class... Args>
  Handle emplace(Args&&... args) {
    std::uint32_t slot;
    if (free_.empty()) {
      slot = static_cast<std::uint32_t>(cells_.size());
      cells_.emplace_back();
    } else {
      slot = free_.back();
      free_.pop_back();
    }
    Cell& cell = cells_[slot];
    cell.value = T(std::forward<Args>(args)...);
    cell.used = true;
    ++size_;
    return {slot, cell.generation};
  }

  [[nodiscard]] T* find(Handle handle) noexcept {
    if (handle.slot >= cells_.size()) return nullptr;
    Cell& cell = cells_[handle.slot];
    return cell.used && cell.generation == handle.generation ? &cell.value : nullptr;
  }

  void erase(Handle handle) {
    if (find(handle) == nullptr) return;
    Cell& cell = cells_[handle.slot];
    cell.value = T();
    cell.used = false;
    ++cell.generation;
    free_.push_back(handle.slot);
    --size_;
  }

  /// Slots that are or were in use: 0 to slots()-1.
  [[nodiscard]] std::uint32_t slots() const noexcept { return static_cast<std::uint32_t>(cells_.size()); }
  /// Precondition: the slot is in use.
  [[nodiscard]] T& at(std::uint32_t slot) noexcept { return cells_[slot].value; }
  /// nullptr when the slot is not in use.
  [[nodiscard]] const T* in_slot(std::uint32_t slot) const noexcept {
    return cells_[slot].used ? &cells_[slot].value : nullptr;
  }

  [[nodiscard]] std::size_t size() const noexcept { return size_; }

  /// Calls `f(Handle, T&)` for every object. `f` may erase any of them, and must not add.
  template <class F>
  void for_each(F&& f) {
    for (std::uint32_t slot = 0; slot < cells_.size(); ++slot) {
      if (cells_[slot].used) f(Handle{slot, cells_[slot].generation}, cells_[slot].value);
    }
  }

 private:
  struct Cell {
    T value{};
    std::uint32_t generation = 0;
    bool used = false;
  };
  std::deque<Cell> cells_;
  std::vector<std::uint32_t> free_;
  std::size_t size_ = 0;
};

}  // namespace mqttproxy::session
