// How connections come to a worker: from its listening sockets, or from another worker whose they are not.
#include <cerrno>
#include <utility>

#include <boost/asio/ip/tcp.hpp>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "worker.hpp"

namespace mqttproxy::net {

using session::Handle;

namespace {

constexpr std::size_t kAcceptBatch = 64;

std::string format(const boost::asio::ip::tcp::endpoint& endpoint) {
  boost::asio::ip::address address = endpoint.address();
  if (address.is_v6() && address.to_v6().is_v4_mapped()) {
    address = boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, address.to_v6());
  }
  const std::string host = address.to_string();
  return (address.is_v6() ? "[" + host + "]" : host) + ":" + std::to_string(endpoint.port());
}

}  // namespace

void Worker::await_connections(Listener& listener) {
  listener.socket.async_wait(boost::asio::posix::descriptor_base::wait_read,
                             [this, &listener](const boost::system::error_code& error) {
                               if (!error && !reading_stopped_) accept_batch(listener);
                             });
}

void Worker::accept_batch(Listener& listener) {
  for (std::size_t i = 0; i < kAcceptBatch; ++i) {
    boost::asio::ip::tcp::endpoint peer;
    auto size = static_cast<socklen_t>(peer.capacity());
    const int fd = ::accept4(listener.socket.native_handle(), peer.data(), &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
      if (errno == EAGAIN || errno == EWOULDBLOCK) break;
      if (errno == EINTR || errno == ECONNABORTED) continue;
      counters_.events[Event::AcceptFailed].add();
      listener.paused = true;  // out of descriptors or memory: a busy loop would make it worse
      return;
    }
    peer.resize(size);
    if (shared_.connections.fetch_add(1, std::memory_order_relaxed) >= shared_.max_connections) {
      shared_.connections.fetch_sub(1, std::memory_order_relaxed);
      counters_.events[Event::AcceptRefused].add();
      ::close(fd);
      continue;
    }
    counters_.events[Event::Accepted].add();
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    adopt({fd, listener.proxy, format(peer), {}});
  }
  await_connections(listener);
}

void Worker::adopt(Arrival arrival) {
  if (reading_stopped_) {
    shared_.connections.fetch_sub(1, std::memory_order_relaxed);
    ::close(arrival.fd);
    return;
  }
  const Handle handle = connections_.emplace();
  auto connection =
      std::make_unique<Connection>(*this, proxies_[arrival.proxy], arrival.fd, std::move(arrival.address));
  Connection& started = *connection;
  connections_.find(handle)->connection = std::move(connection);
  started.start(handle, arrival.received);
}

void Worker::move_home(Handle connection, unsigned home, Arrival arrival) {
  counters_.events[Event::MovedHome].add();
  erase(connection);
  peers_[home]->post_arrival(std::move(arrival));
}

}  // namespace mqttproxy::net
