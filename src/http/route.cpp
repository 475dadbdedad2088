#include "route.hpp"

#include <charconv>
#include <utility>

namespace mqttproxy::http {

namespace {

/// Removes `prefix` from the front of `text` when it is there.
bool take(std::string_view& text, std::string_view prefix) noexcept {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

Route process_route(std::string_view path) noexcept {
  if (path == "/healthz") return Route::Healthz;
  if (path == "/readyz") return Route::Readyz;
  return path == "/metrics" ? Route::Metrics : Route::Unknown;
}

Route versioned_route(std::string_view path) noexcept {
  if (path == "/reload") return Route::Reload;
  if (path == "/mqttproxy") return Route::Proxies;
  return path == "/errors" ? Route::Errors : process_route(path);
}

}  // namespace

std::optional<std::string> percent_decode(std::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    unsigned char byte = 0;
    const char* const first = text.data() + i + 1;
    if (i + 2 >= text.size() || std::from_chars(first, first + 2, byte, 16).ptr != first + 2) return std::nullopt;
    decoded += static_cast<char>(byte);
    i += 2;
  }
  return decoded;
}

Target parse_target(std::string_view target) {
  std::string_view path = target.substr(0, target.find('?'));
  const bool versioned = take(path, "/apis/v1") || take(path, "/apis/v2");
  std::string_view rest = path;
  if (!versioned || !take(rest, "/mqttproxy/") || rest.empty()) {
    if (path.ends_with('/')) path.remove_suffix(1);
    return {versioned ? versioned_route(path) : path.empty() ? Route::Page : process_route(path)};
  }

  const std::size_t name_end = rest.find('/');
  if (name_end == std::string_view::npos) return {};
  auto proxy = percent_decode(rest.substr(0, name_end));
  if (!proxy) return {};
  rest.remove_prefix(name_end);
  if (std::string_view id = rest; take(id, "/sessions/") && !id.empty()) {
    // All that is left is the client id: it may hold a '/', encoded or not.
    auto client_id = percent_decode(id);
    if (!client_id) return {};
    return {Route::Session, std::move(*proxy), std::move(*client_id)};
  }
  if (rest.ends_with('/')) rest.remove_suffix(1);
  if (rest == "/topics/publish") return {Route::Publish, std::move(*proxy)};
  if (rest == "/session/query") return {Route::SessionQuery, std::move(*proxy)};
  if (rest == "/sessions") return {Route::Sessions, std::move(*proxy)};
  if (rest == "/connections") return {Route::Connections, std::move(*proxy)};
  if (rest == "/explain") return {Route::Explain, std::move(*proxy)};
  return {};
}

}  // namespace mqttproxy::http
