#include "web_page.hpp"

#include <string>

#include <arpa/inet.h>

#include "letters.hpp"

namespace mqttproxy::http {

namespace {

bool is_address(int family, std::string_view text) {
  in6_addr address{};
  return ::inet_pton(family, std::string(text).c_str(), &address) == 1;
}

bool needs_no_name_server(std::string_view host) {
  if (host.starts_with('[')) {
    const std::size_t end = host.find(']');
    return end != std::string_view::npos && is_address(AF_INET6, host.substr(1, end - 1));
  }
  const std::string_view name = host.substr(0, host.find(':'));
  return same_letters(name, "localhost") || is_address(AF_INET, name);
}

bool is_same(std::string_view origin, std::string_view scheme, std::string_view host) noexcept {
  return origin.starts_with(scheme) && same_letters(origin.substr(scheme.size()), host);
}

}  // namespace

std::string_view web_page_problem(std::string_view host, std::optional<std::string_view> origin,
                                  const config::ApiConfig& config) {
  const bool is_ours = config.tls || needs_no_name_server(host);
  // HTTP/1.0 needs no Host, and is no browser's.
  if (!is_ours && !config.insecure && !host.empty()) {
    return "without api.token the Host of a request must be an IP address or localhost";
  }
  if (!origin || (is_ours && is_same(*origin, config.tls ? "https://" : "http://", host))) return {};
  return "without api.token requests of other web pages (by the header Origin) are refused";
}

}  // namespace mqttproxy::http
