// The subscribers of one topic filter beyond the first; with many of them each is still found and removed at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "mqttproxy/mqtt/packets.hpp"
#include "mqttproxy/util/index_table.hpp"
#include "mqttproxy/util/sip_hash.hpp"

namespace mqttproxy::mqtt {

struct Subscription {
  std::uint32_t subscriber = 0;
  Qos granted = Qos::AtMostOnce;
};

/// In no particular order. The hash is the owner's and always the same one. Owner: one thread.
class SubscriberList {
 public:
  [[nodiscard]] std::span<const Subscription> all() const noexcept { return entries_; }
  /// nullptr when it is not in the list.
  [[nodiscard]] const Subscription* find(std::uint32_t subscriber, const util::SipHash& hash) const noexcept;
  /// False: it was there, and only its QoS is another one now.
  bool insert(const Subscription& entry, const util::SipHash& hash);
  /// False: it is not in the list.
  bool erase(std::uint32_t subscriber, const util::SipHash& hash) noexcept;

  /// Without the list itself.
  [[nodiscard]] std::size_t owned_bytes() const noexcept {
    return entries_.capacity() * sizeof(Subscription) + positions_.memory_bytes();
  }

 private:
  static constexpr std::size_t kScanned = 16;  // up to here a look at all of them is cheaper than a table

  std::vector<Subscription> entries_;
  util::IndexTable positions_;  // subscriber -> position; empty while there are no more than kScanned
};

}  // namespace mqttproxy::mqtt
