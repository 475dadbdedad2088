// What /metrics says about the API.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "mqttproxy/metrics/metrics.hpp"

#include "route.hpp"

namespace mqttproxy::http {

/// How TLS handshakes end; also the values of the label `result`, see kHandshakeNames.
enum class Handshake : std::uint8_t { Ok, Failed, Closed, Late };
inline constexpr std::array<std::string_view, 4> kHandshakeNames = {"ok", "failed", "closed", "late"};

/// Thread: any.
class Counters {
 public:
  void request(Route route, int status) noexcept;
  /// A publish request: the payload sizes of its messages, of which the bus took `accepted` from the front.
  void published(std::span<const std::size_t> payload_bytes, std::size_t accepted) noexcept;
  /// A publish request refused by limits.maxMemory.
  void no_memory() noexcept { no_memory_.add(); }
  void connection_refused() noexcept { connections_refused_.add(); }
  void handshake(Handshake result) noexcept { handshakes_[static_cast<std::size_t>(result)].add(); }

  /// Adds to `gauge` for as long as it lives.
  class Presence {
   public:
    explicit Presence(std::atomic<std::int64_t>& gauge) noexcept : gauge_(gauge) { ++gauge_; }
    ~Presence() { --gauge_; }
    Presence(const Presence&) = delete;
    Presence& operator=(const Presence&) = delete;

   private:
    std::atomic<std::int64_t>& gauge_;
  };
  [[nodiscard]] Presence in_flight() noexcept { return Presence(in_flight_); }

  void collect(metrics::Scrape& scrape, std::size_t open_connections) const;

 private:
  /// Every status code the API has; what is not here counts as the last.
  static constexpr std::array kStatusCodes = {200, 400, 401, 403, 404, 408, 413, 414,
                                              415, 417, 422, 431, 501, 503, 505, 500};

  std::array<std::array<metrics::SharedCounter, kStatusCodes.size()>, kRouteNames.size()> requests_{};
  metrics::SharedCounter accepted_;
  metrics::SharedCounter accepted_bytes_;
  metrics::SharedCounter unavailable_;
  metrics::SharedCounter no_memory_;
  metrics::SharedCounter connections_refused_;
  std::array<metrics::SharedCounter, kHandshakeNames.size()> handshakes_{};
  std::atomic<std::int64_t> in_flight_{0};
};

}  // namespace mqttproxy::http
