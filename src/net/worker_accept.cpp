// How connections come to a worker: from its listening sockets, or from another worker whose they are not.
#include <cerrno>
#include <utility>

#include <boost/asio/ip/tcp.hpp>
#include <sys/socket.h>
#include <unistd.h>

#include "peer_address.hpp"
#include "worker.hpp"

namespace mqttproxy::net {

using session::Handle;

namespace {

constexpr std::size_t kAcceptBatch = 64;

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
    if (auto place = find_place(listener, peer.address())) {
      welcome(listener,
              {fd, listener.proxy, peer_address(peer), {}, nullptr, listener.proxy_protocol, std::move(*place)});
    } else {
      ::close(fd);
    }
  }
  await_connections(listener);
}

std::optional<Places::Place> Worker::find_place(const Listener& listener, const boost::asio::ip::address& peer) {
  auto place = listener.door->take();
  if (!place) {
    counters_.events[Event::RefusedNode].add();
  } else if (shared_.memory.full()) {
    counters_.events[Event::RefusedMemory].add();
    place.reset();
  } else if (!listener.proxy_protocol && !shared_.places.count(*place, peer)) {
    counters_.events[Event::RefusedAddress].add();
    place.reset();
  }
  return place;
}

void Worker::welcome(const Listener& listener, Arrival arrival) {
  if (listener.tls != nullptr) {
    SslPtr ssl = listener.tls->accept(arrival.fd);
    if (!ssl) {  // out of memory
      counters_.events[Event::AcceptFailed].add();
      ::close(arrival.fd);
      return;
    }
    arrival.tls = std::make_unique<TlsStream>(std::move(ssl), listener.tls);
  }
  counters_.events[listener.tls != nullptr ? Event::AcceptedTls : Event::Accepted].add();
  adopt(std::move(arrival));
}

void Worker::adopt(Arrival arrival) {
  if (reading_stopped_) {
    ::close(arrival.fd);
    return;
  }
  const Handle handle = connections_.emplace();
  auto connection = std::make_unique<Connection>(*this, proxies_[arrival.proxy], arrival);
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
