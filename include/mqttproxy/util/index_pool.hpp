// Objects named by a number instead of a pointer: half the size, and they may all move when their array grows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace mqttproxy::util {

/// An array whose places are used again, so that it is as large as the most objects there were at a time. Owner: one
/// thread. References live until the next take().
template <class T>
class IndexPool {
 public:
  using Index = std::uint32_t;

  /// A new T().
  Index take() {
    if (free_.empty()) {
      items_.emplace_back();
      return static_cast<Index>(items_.size() - 1);
    }
    const Index index = free_.back();
    free_.pop_back();
    return index;
  }

  /// Ends the object at `index`, with everything it owns.
  void give_back(Index index) {
    std::destroy_at(&items_[index]);  // an assignment could keep memory for a value to come
    std::construct_at(&items_[index]);
    free_.push_back(index);
  }

  [[nodiscard]] T& operator[](Index index) noexcept { return items_[index]; }
  [[nodiscard]] const T& operator[](Index index) const noexcept { return items_[index]; }

  /// Fetches the object from memory for an access to come.
  void prefetch(Index index) const noexcept { __builtin_prefetch(&items_[index]); }

  /// Of the array, without what the objects own.
  [[nodiscard]] std::size_t memory_bytes() const noexcept {
    return items_.capacity() * sizeof(T) + free_.capacity() * sizeof(Index);
  }

 private:
  std::vector<T> items_;
  std::vector<Index> free_;
};

}  // namespace mqttproxy::util
