// A peer's address as it stands in the log.
#pragma once

#include <string>

#include <boost/asio/ip/tcp.hpp>

namespace mqttproxy::net {

/// "192.0.2.1:50123", "[2001:db8::1]:50123"; IPv4 in IPv6 as IPv4.
[[nodiscard]] std::string peer_address(const boost::asio::ip::tcp::endpoint& endpoint);

}  // namespace mqttproxy::net
