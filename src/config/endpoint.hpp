// Addresses to listen on. No name resolution: a configuration means the same on every machine.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "mqttproxy/config/config.hpp"

namespace mqttproxy::config {

/// `host` when it is an IPv4 or IPv6 address literal (without brackets), 127.0.0.1 for "localhost", else nullopt.
[[nodiscard]] std::optional<std::string> parse_address(std::string_view host);

/// "127.0.0.1:2381", "[::1]:2381", "localhost:2381".
[[nodiscard]] std::optional<Endpoint> parse_endpoint(std::string_view text);

/// Whether only this machine can reach the address (127.0.0.0/8, ::1, also as mapped IPv4).
[[nodiscard]] bool is_loopback(const std::string& address);

/// Whether two sockets can't listen on both: the same port on the same address, or on all addresses.
[[nodiscard]] bool collide(const Endpoint& a, const Endpoint& b);

}  // namespace mqttproxy::config
