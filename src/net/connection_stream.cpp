// A connection and its socket: PROXY header, TLS, readiness.
#include <string>
#include <utility>

#include <boost/asio/post.hpp>

#include "mqttproxy/util/log.hpp"

#include "connection.hpp"
#include "peer_address.hpp"
#include "proxy_header.hpp"
#include "worker.hpp"

namespace mqttproxy::net {

using session::CloseCause;

void Connection::read_proxy_header() {
  ProxyHeader header = parse_proxy_header(stash_);
  while (header.state == ProxyHeader::State::Incomplete) {
    // Not a byte more: what follows is TLS, or MQTT.
    char* buffer = worker_.read_buffer();
    const Io received = read_plain(descriptor_.get(), buffer, header.bytes - stash_.size());
    if (received.bytes == 0) return on_no_bytes(received.status);
    stash_.append(buffer, received.bytes);
    header = parse_proxy_header(stash_);
  }
  auto& events = worker_.counters().events;
  std::string().swap(stash_);
  if (header.state == ProxyHeader::State::Refused) {
    events[Event::ProxyHeadersRefused].add();
    return end(CloseCause::ProxyHeader, header.problem);
  }
  events[header.source ? Event::ProxyHeaders : Event::ProxyHeadersLocal].add();
  if (header.source) {
    address_ = peer_address(*header.source);
    if (!worker_.shared().places.count(place_, header.source->address())) {
      events[Event::RefusedAddress].add();
      return end(CloseCause::AddressLimit, "limits.maxConnectionsPerAddress");
    }
  }
  awaits_proxy_header_ = false;
  go_on();
}

Io Connection::read(char* buffer, std::size_t room) {
  if (!tls_) return read_plain(descriptor_.get(), buffer, room);
  const bool handshake = !tls_->established();
  const Io io = tls_->read(buffer, room);
  if (handshake && tls_->established()) {
    worker_.counters().events[tls_->resumed() ? Event::TlsResumed : Event::TlsFull].add();
  }
  return io;
}

void Connection::on_no_bytes(IoStatus status) {
  if (status == IoStatus::WantRead || status == IoStatus::WantWrite) return go_on();
  if (!tls_ || awaits_proxy_header_) return lost(status == IoStatus::Closed ? "closed by peer" : "connection reset");
  if (tls_->established()) return lost(status == IoStatus::Closed ? "closed by peer" : tls_->reason());
  worker_.counters().tls_failures[static_cast<std::size_t>(tls_->failure())].add();
  end(CloseCause::TlsHandshake, tls_->reason());
}

std::string_view Connection::note_overdue() {
  if (awaits_proxy_header_) return "no PROXY header in time";
  if (!tls_ || tls_->established()) return "no CONNECT in time";
  worker_.counters().tls_failures[static_cast<std::size_t>(TlsFailure::Timeout)].add();
  return "no TLS handshake in time";
}

std::size_t Connection::write(std::span<iovec> parts) {
  const Io io = tls_ ? tls_->write(parts) : write_plain(descriptor_.get(), parts);
  // Never WantRead: only a handshake would have to read before it writes, and there is no second one.
  peer_gone_ = io.status != IoStatus::Done && io.status != IoStatus::WantWrite;
  worker_.counters().events[Event::BytesOut].add(io.bytes);
  bytes_out_ += io.bytes;
  return io.bytes;
}

void Connection::await_socket() {
  const bool reads = parked_ == 0 && !worker_.reading_stopped();
  // On its way home it may have been read to the end by another worker: the stream knows.
  const bool read_wants_write = tls_ && tls_->read_wants_write();
  std::uint8_t wanted = 0;
  if (reads && !read_wants_write) wanted |= EPOLLIN;
  if (!output_.empty() || (reads && read_wants_write)) wanted |= EPOLLOUT;
  if (!worker_.watch(descriptor_.get(), self_, watched_, wanted)) return lost("no memory for its socket");
  watched_ = wanted;
  if (!reads || read_wants_write || !tls_ || !tls_->unread()) return;
  if (std::exchange(read_posted_, true)) return;  // no readiness will say so
  boost::asio::post(worker_.io(), [&worker = worker_, self = self_] {
    Connection* connection = worker.find(self);
    if (connection == nullptr) return;
    connection->read_posted_ = false;
    connection->on_readable();
  });
}

void Connection::move_home(unsigned home) {
  (void)worker_.watch(descriptor_.get(), self_, watched_, 0);
  worker_.move_home(self_, home,
                    Arrival{descriptor_.release(), proxy_.index, std::move(address_), std::move(stash_),
                            std::move(tls_), false, std::move(place_)});
}

void Connection::lost(std::string_view detail) {
  end(CloseCause::ConnectionLost, detail);
}

}  // namespace mqttproxy::net
