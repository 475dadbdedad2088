#include "mqttproxy/util/rate_limit.hpp"

#include <algorithm>

namespace mqttproxy::util {

namespace {

using Clock = RateLimit::Clock;

/// Where `until` goes with `cost` of `limit` a period. False: it would be more than a period ahead.
bool advance(Clock::time_point& until, std::uint64_t cost, std::uint64_t limit, Clock::duration period,
             Clock::time_point now) noexcept {
  if (limit == 0) return true;
  const double share = static_cast<double>(cost) / static_cast<double>(limit);
  const Clock::time_point from = std::max(until, now);
  const std::chrono::duration<double, Clock::period> room = (1 - std::min(share, 1.0)) * period;
  if (from - now > std::chrono::duration_cast<Clock::duration>(room)) return false;
  const std::chrono::duration<double, Clock::period> price = share * period;
  const Clock::duration longest = std::max<Clock::duration>(period, std::chrono::hours(24));
  // Rounded down: the last request of a period must not come too early by a nanosecond.
  until = from + (price < longest ? std::chrono::duration_cast<Clock::duration>(price) : longest);
  return true;
}

}  // namespace

bool RateLimit::take(const Rate& rate, std::uint64_t bytes, Clock::time_point now) noexcept {
  Clock::time_point requests_until = requests_until_;
  Clock::time_point bytes_until = bytes_until_;
  if (!advance(requests_until, 1, rate.requests, rate.period, now)) return false;
  if (!advance(bytes_until, bytes, rate.bytes, rate.period, now)) return false;
  requests_until_ = requests_until;
  bytes_until_ = bytes_until;
  return true;
}

}  // namespace mqttproxy::util
