// So many requests and bytes in a period, without a timer: a virtual clock that each request moves on by its cost.
#pragma once

#include <chrono>
#include <cstdint>

namespace mqttproxy::util {

/// 0 requests or bytes: any number of them.
struct Rate {
  std::uint64_t requests = 0;
  std::uint64_t bytes = 0;
  std::chrono::seconds period{1};  // 1 s to 1 year

  [[nodiscard]] bool limited() const noexcept { return requests != 0 || bytes != 0; }
};

/// Of one who is limited. After a pause of a period there is room for a period's worth at once; room comes back evenly.
class RateLimit {
 public:
  using Clock = std::chrono::steady_clock;

  /// Takes the room for a request of so many bytes, when both kinds have it; one that is larger than a whole period's
  /// worth goes when there is all the room there can be, and is paid off later, within a day. False: not now, and
  /// nothing was taken.
  [[nodiscard]] bool take(const Rate& rate, std::uint64_t bytes, Clock::time_point now) noexcept;

 private:
  Clock::time_point requests_until_{};  // that much is used up
  Clock::time_point bytes_until_{};
};

}  // namespace mqttproxy::util
