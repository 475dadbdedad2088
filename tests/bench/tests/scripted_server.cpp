#include "tests/scripted_server.hpp"

#include <stdexcept>
#include <utility>

#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

namespace mqttproxy::bench {
namespace {

void send_text(const Fd& socket, const std::string& bytes) {
  (void)!::send(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
}

/// Takes one packet off the front of `bytes`; false: it is not complete yet.
bool cut_packet(std::string& bytes, std::uint8_t& first, std::string& body) {
  std::size_t length = 0;
  std::size_t at = 1;
  for (unsigned shift = 0;; shift += 7, ++at) {
    if (at >= bytes.size()) return false;
    const auto digit = static_cast<std::uint8_t>(bytes[at]);
    length |= std::size_t{digit & 0x7Fu} << shift;
    if ((digit & 0x80) == 0) break;
  }
  ++at;
  if (bytes.size() < at + length) return false;
  first = static_cast<std::uint8_t>(bytes[0]);
  body = bytes.substr(at, length);
  bytes.erase(0, at + length);
  return true;
}

}  // namespace

ScriptedServer::ScriptedServer(Behaviour behaviour)
    : behaviour_(behaviour), listener_(::socket(AF_INET, SOCK_STREAM, 0)), stop_(::eventfd(0, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(listener_.get(), 64) != 0 ||
      ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    throw std::runtime_error("no loopback listener");
  }
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { serve(); });
}

ScriptedServer::~ScriptedServer() {
  stop();
}

void ScriptedServer::stop() {
  if (!thread_.joinable()) return;
  const std::uint64_t one = 1;
  (void)!::write(stop_.get(), &one, sizeof one);
  thread_.join();
}

void ScriptedServer::serve() {
  for (;;) {
    std::vector<pollfd> fds = {{stop_.get(), POLLIN, 0}, {listener_.get(), POLLIN, 0}};
    for (const auto& connection : connections_) fds.push_back({connection.socket.get(), POLLIN, 0});
    ::poll(fds.data(), fds.size(), -1);
    if (fds[0].revents != 0) return;
    for (std::size_t i = connections_.size(); i-- > 0;) {
      if (fds[i + 2].revents == 0 || read_from(connections_[i])) continue;
      connections_.erase(connections_.begin() + static_cast<std::ptrdiff_t>(i));
    }
    if (fds[1].revents != 0) accept_one();
  }
}

void ScriptedServer::accept_one() {
  Fd socket(::accept(listener_.get(), nullptr, nullptr));
  if (socket.is_open()) connections_.push_back({std::move(socket), {}, {}});
}

/// False: the connection is over.
bool ScriptedServer::read_from(Connection& connection) {
  std::array<char, 65'536> buffer{};
  const ssize_t got = ::recv(connection.socket.get(), buffer.data(), buffer.size(), 0);
  if (got <= 0) return false;
  connection.unread.append(buffer.data(), static_cast<std::size_t>(got));
  std::uint8_t first = 0;
  std::string body;
  while (cut_packet(connection.unread, first, body)) {
    if (!take_packet(connection, first, body)) return false;
  }
  return true;
}

bool ScriptedServer::take_packet(Connection& connection, std::uint8_t first, const std::string& body) {
  switch (first >> 4) {
    case 1:
      ++connects_;
      send_text(connection.socket,
                std::string(behaviour_ == Behaviour::RefusesConnect ? "\x20\x02\0\x05" : "\x20\x02\0\0", 4));
      return behaviour_ != Behaviour::ClosesAfterConnack;
    case 3:
      return take_publish(connection, first >> 1 & 3, body);
    case 6:
      send_text(connection.socket, "\x70\x02" + body);
      return true;
    case 12:
      send_text(connection.socket, std::string("\xD0\0", 2));
      return true;
    default:
      ++disconnects_;
      return false;
  }
}

bool ScriptedServer::take_publish(Connection& connection, unsigned qos, const std::string& body) {
  ++publishes_;
  const std::size_t length =
      static_cast<std::size_t>(static_cast<std::uint8_t>(body[0])) << 8 | static_cast<std::uint8_t>(body[1]);
  ++topics_[body.substr(2, length)];
  if (behaviour_ == Behaviour::ClosesOnPublish) return false;
  if (qos == 0 || behaviour_ == Behaviour::NeverAcknowledges) return true;
  const std::string id = body.substr(2 + length, 2);
  if (qos == 2) {
    send_text(connection.socket, "\x50\x02" + id);
  } else {
    acknowledge(connection, "\x40\x02" + id);
  }
  return true;
}

void ScriptedServer::acknowledge(Connection& connection, const std::string& puback) {
  if (behaviour_ == Behaviour::SwapsPubacks && connection.held_puback.empty()) {
    connection.held_puback = puback;
  } else if (behaviour_ == Behaviour::SwapsPubacks) {
    send_text(connection.socket, puback + std::exchange(connection.held_puback, {}));
  } else if (behaviour_ == Behaviour::RepeatsPuback) {
    send_text(connection.socket, puback + puback);
  } else if (behaviour_ == Behaviour::ForeignPuback) {
    send_text(connection.socket, "\x40\x02\xFF\xFF");
  } else {
    send_text(connection.socket, puback);
  }
}

}  // namespace mqttproxy::bench
