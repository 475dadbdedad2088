// A hash table of indices into an array of its owner. Ready-made tables hold whole keys or only indices; here a slot is
// an index and its hash, 8 bytes: a lookup touches one cache line of the table and then nothing but what it found, and
// growing needs no key.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace mqttproxy::util {

/// Open addressing with linear probing; entries are taken out without leaving marks behind, so that only what is in the
/// table costs memory and time. The owner compares keys, and its hash must be one that nobody can choose collisions for
/// (SipHash). Owner: one thread.
class IndexTable {
 public:
  using Index = std::uint32_t;
  static constexpr Index kNone = 0xFFFFFFFFU;

  /// The index put in under `hash` for which `equal(index)` holds, kNone when there is none.
  template <class Equal>
  [[nodiscard]] Index find(std::uint32_t hash, Equal&& equal) const noexcept {
    if (slots_.empty()) return kNone;
    for (std::size_t at = home(hash); slots_[at].index != kNone; at = next(at)) {
      if (slots_[at].hash == hash && equal(slots_[at].index)) return slots_[at].index;
    }
    return kNone;
  }

  /// Fetches what find() will look at first.
  void prefetch(std::uint32_t hash) const noexcept {
    if (!slots_.empty()) __builtin_prefetch(&slots_[home(hash)]);
  }

  /// `index` is not kNone and not in the table.
  void insert(std::uint32_t hash, Index index);
  /// `index` is in the table under `hash`.
  void erase(std::uint32_t hash, Index index) noexcept;
  /// `from` is in the table under `hash`; it becomes `to`.
  void replace(std::uint32_t hash, Index from, Index to) noexcept { slots_[slot_of(hash, from)].index = to; }
  /// Empty, without any memory.
  void reset() noexcept { *this = IndexTable(); }

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::size_t memory_bytes() const noexcept { return slots_.capacity() * sizeof(Slot); }

 private:
  struct Slot {
    std::uint32_t hash = 0;
    Index index = kNone;
  };
  static constexpr std::size_t kFewestSlots = 16;

  [[nodiscard]] std::size_t home(std::uint32_t hash) const noexcept { return hash >> shift_; }
  [[nodiscard]] std::size_t next(std::size_t at) const noexcept { return (at + 1) & (slots_.size() - 1); }
  [[nodiscard]] std::size_t slot_of(std::uint32_t hash, Index index) const noexcept;
  void place(Slot slot) noexcept;
  void resize(std::size_t slots);

  std::vector<Slot> slots_;  // a power of two of them, at most three quarters in use
  std::size_t size_ = 0;
  unsigned shift_ = 0;  // the highest bits of a hash say where its entry belongs
};

}  // namespace mqttproxy::util
