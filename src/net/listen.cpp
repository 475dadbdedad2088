#include "listen.hpp"

#include <cerrno>
#include <system_error>

#include <netinet/tcp.h>
#include <sys/socket.h>

#include "descriptor.hpp"

namespace mqttproxy::net {

namespace {

constexpr int kBacklog = 4'096;  // the kernel cuts it to net.core.somaxconn

[[noreturn]] void fail(const boost::asio::ip::tcp::endpoint& endpoint, const char* what) {
  const int error = errno;
  throw std::system_error(
      error, std::generic_category(),
      std::string(what) + " " + endpoint.address().to_string() + ":" + std::to_string(endpoint.port()));
}

bool has_ipv6() {
  return Descriptor(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0)).get() >= 0 || errno != EAFNOSUPPORT;
}

Descriptor bind_socket(const boost::asio::ip::tcp::endpoint& endpoint, bool shared) {
  Descriptor fd(::socket(endpoint.protocol().family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (fd.get() < 0) fail(endpoint, "socket");
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const int off = 0;  // "::" takes IPv4 as well, whatever the system's default
  if (endpoint.address().is_v6()) ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  if (shared && ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0) fail(endpoint, "SO_REUSEPORT");
  if (::bind(fd.get(), endpoint.data(), static_cast<socklen_t>(endpoint.size())) != 0) fail(endpoint, "listen on");
  return fd;
}

}  // namespace

boost::asio::ip::tcp::endpoint local_endpoint(int fd) {
  boost::asio::ip::tcp::endpoint endpoint;
  auto size = static_cast<socklen_t>(endpoint.capacity());
  if (::getsockname(fd, endpoint.data(), &size) != 0) {
    throw std::system_error(errno, std::generic_category(), "getsockname");
  }
  endpoint.resize(size);
  return endpoint;
}

std::vector<int> listen_sockets(const config::Endpoint& wanted, unsigned count) {
  boost::asio::ip::tcp::endpoint endpoint(boost::asio::ip::make_address(wanted.host), wanted.port);
  if (wanted.host == "::" && !has_ipv6()) endpoint.address(boost::asio::ip::address_v4::any());
  endpoint = local_endpoint(bind_socket(endpoint, false).get());
  std::vector<Descriptor> sockets;
  sockets.reserve(count);
  for (unsigned i = 0; i < count; ++i) {
    sockets.push_back(bind_socket(endpoint, true));
    const int on = 1;  // the accepted sockets inherit it
    ::setsockopt(sockets.back().get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (::listen(sockets.back().get(), kBacklog) != 0) fail(endpoint, "listen on");
  }
  std::vector<int> fds;
  fds.reserve(count);
  for (Descriptor& socket : sockets) fds.push_back(socket.release());
  return fds;
}

}  // namespace mqttproxy::net
