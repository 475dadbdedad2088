#include "endpoint.hpp"

#include <array>
#include <limits>

#include <arpa/inet.h>

#include "quantity.hpp"

namespace mqttproxy::config {

namespace {

std::optional<in_addr> parse_v4(const std::string& address) {
  in_addr v4{};
  if (inet_pton(AF_INET, address.c_str(), &v4) != 1) return std::nullopt;
  return v4;
}

std::optional<in6_addr> parse_v6(const std::string& address) {
  in6_addr v6{};
  if (inet_pton(AF_INET6, address.c_str(), &v6) != 1) return std::nullopt;
  return v6;
}

bool is_loopback_v4(std::uint32_t network_order) {
  return (ntohl(network_order) >> 24U) == 127U;
}

bool is_any(const std::string& address) {
  const auto v6 = parse_v6(address);
  return address == "0.0.0.0" || (v6 && IN6_IS_ADDR_UNSPECIFIED(&*v6));
}

}  // namespace

std::optional<std::string> parse_address(std::string_view host) {
  if (host == "localhost") return "127.0.0.1";
  std::string address(host);
  // inet_pton stops at a zero byte, the socket call would too: what is checked must be what is used.
  if (address.find('\0') != std::string::npos) return std::nullopt;
  if (!parse_v4(address) && !parse_v6(address)) return std::nullopt;
  return address;
}

std::optional<Endpoint> parse_endpoint(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto port = parse_integer(text.substr(colon + 1));
  if (!port || *port < 0 || *port > std::numeric_limits<std::uint16_t>::max()) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const bool brackets = host.starts_with('[') && host.ends_with(']');
  if (brackets) host = host.substr(1, host.size() - 2);
  const auto address = parse_address(host);
  const bool is_v6 = address && address->find(':') != std::string::npos;
  if (!address || is_v6 != brackets) return std::nullopt;
  return Endpoint{*address, static_cast<std::uint16_t>(*port)};
}

bool is_loopback(const std::string& address) {
  if (const auto v4 = parse_v4(address)) return is_loopback_v4(v4->s_addr);
  const auto v6 = parse_v6(address);
  if (!v6) return false;
  if (IN6_IS_ADDR_V4MAPPED(&*v6)) return v6->s6_addr[12] == 127U;
  return IN6_IS_ADDR_LOOPBACK(&*v6);
}

bool collide(const Endpoint& a, const Endpoint& b) {
  if (a.port != b.port || a.port == 0) return false;
  return a.host == b.host || is_any(a.host) || is_any(b.host);
}

}  // namespace mqttproxy::config
