// Listening sockets.
#pragma once

#include <vector>

#include <boost/asio/ip/tcp.hpp>

#include "mqttproxy/config/config.hpp"

namespace mqttproxy::net {

/// `count` non-blocking listening sockets on one address, sharing the port by SO_REUSEPORT. With SO_REUSEPORT alone a
/// second daemon would bind the same port without an error and take half the connections: one exclusive bind is tried
/// first. Throws std::system_error that names the address. Port 0 is resolved once for all.
[[nodiscard]] std::vector<int> listen_sockets(const config::Endpoint& endpoint, unsigned count);

/// Address and port a socket is bound to. Throws std::system_error.
[[nodiscard]] boost::asio::ip::tcp::endpoint local_endpoint(int fd);

}  // namespace mqttproxy::net
