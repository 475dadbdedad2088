// From a request target to what it names. Pure function.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mqttproxy::http {

/// The resources of the API; also the values of the metrics' label `route`, see kRouteNames.
enum class Route : std::uint8_t {
  Unknown,
  Healthz,
  Readyz,
  Metrics,
  Reload,
  Page,
  Proxies,
  Errors,
  Publish,
  SessionQuery,
  Sessions,
  Session,
  Connections,
  Explain,
  Count_,
};

inline constexpr std::array<std::string_view, static_cast<std::size_t>(Route::Count_)> kRouteNames = {
    "unknown", "healthz", "readyz",        "metrics",  "reload",  "page",        "proxies",
    "errors",  "publish", "session_query", "sessions", "session", "connections", "explain"};

struct Target {
  Route route = Route::Unknown;
  std::string proxy{};      // decoded; of the routes from Publish on
  std::string client_id{};  // decoded; of Session
};

/// `target` as it stands in the request line, with or without a query. Only percent-encoding in the two variable parts
/// is decoded: a path has one spelling, so nothing that must be refused looks like something that may pass.
[[nodiscard]] Target parse_target(std::string_view target);

/// nullopt: a '%' without two hex digits.
[[nodiscard]] std::optional<std::string> percent_decode(std::string_view text);

}  // namespace mqttproxy::http
