// What the API answers to a request: resources, methods, the token, status codes. Knows nothing of sockets and nothing
// of the HTTP library.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mqttproxy/http/api_server.hpp"

#include "counters.hpp"
#include "route.hpp"
#include "settings.hpp"

namespace mqttproxy::http {

/// The query's parameters, decoded.
using Params = std::multimap<std::string, std::string>;

struct Request {
  std::string_view method{};
  std::string_view target{};
  std::string_view authorization{};
  std::string_view host{};                   // empty: none
  std::optional<std::string_view> origin{};  // nullopt: none
};

struct Answer {
  int status = 200;
  std::string body{};
  std::string_view content_type = "application/json";
  std::vector<std::pair<std::string_view, std::string>> headers{};
};

/// {"code":status,"message":message}.
[[nodiscard]] Answer error_answer(int status, std::string_view message);
/// 503: the workers did not answer in time.
[[nodiscard]] Answer unavailable();

/// Thread: any; nothing here changes after construction but settings and counters.
class Api {
 public:
  Api(const CurrentSettings& settings, const metrics::Registry& metrics, Readiness readiness, Backends backends,
      Counters& counters);

  /// How many bytes of a body the request may bring: 0 when it has none to bring, or is refused whatever its body says.
  [[nodiscard]] std::size_t max_body_bytes(const Request& request) const;
  /// Blocks while a backend does.
  [[nodiscard]] Answer answer(const Request& request, const Params& params, std::string_view body) const;

 private:
  /// The answer to a request that is refused without a look at its body.
  [[nodiscard]] std::optional<Answer> refuse(const Request& request, const Target& target,
                                             const config::ApiConfig& config) const;
  [[nodiscard]] Answer dispatch(const Request& request, const Target& target, const Params& params,
                                std::string_view body) const;
  [[nodiscard]] Answer healthz() const;
  [[nodiscard]] Answer readyz() const;
  [[nodiscard]] Answer publish(const Target& target, std::string_view body) const;
  [[nodiscard]] Answer reload() const;

  const CurrentSettings& settings_;
  const metrics::Registry& metrics_;
  const Readiness readiness_;
  const Backends backends_;
  Counters& counters_;
};

}  // namespace mqttproxy::http
