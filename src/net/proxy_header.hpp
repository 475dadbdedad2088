// The header of the PROXY protocol, version 2, with which a load balancer says whose connection it passes on
// (https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt). No sockets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include <boost/asio/ip/tcp.hpp>

namespace mqttproxy::net {

struct ProxyHeader {
  enum class State : std::uint8_t { Incomplete, Complete, Refused };
  State state = State::Incomplete;
  /// Complete: the header's size. Incomplete: how many bytes to have before it is worth another look; no byte of what
  /// follows the header is among them.
  std::size_t bytes = 0;
  /// The client's. None: the balancer's own connection (LOCAL), or one without an IP address.
  std::optional<boost::asio::ip::tcp::endpoint> source;
  std::string_view problem;  // Refused: a literal
};

inline constexpr std::size_t kMaxProxyHeaderBytes = 16 + 536;

/// Looks at the first bytes of a connection. Refused is decided as early as possible; version 1 is refused.
[[nodiscard]] ProxyHeader parse_proxy_header(std::string_view bytes) noexcept;

}  // namespace mqttproxy::net
