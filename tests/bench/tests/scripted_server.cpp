#include "tests/scripted_server.hpp"

#include <stdexcept>
#include <utility>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <nlohmann/json.hpp>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "load/packets.hpp"

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

/// The same for an HTTP request.
bool cut_request(std::string& bytes, std::string& head, std::string& body) {
  constexpr std::string_view kLength = "Content-Length: ";
  const std::size_t head_end = bytes.find("\r\n\r\n");
  if (head_end == std::string::npos) return false;
  head = bytes.substr(0, head_end);
  const std::size_t length = std::stoul(head.substr(head.find(kLength) + kLength.size()));
  if (bytes.size() < head_end + 4 + length) return false;
  body = bytes.substr(head_end + 4, length);
  bytes.erase(0, head_end + 4 + length);
  return true;
}

}  // namespace

ScriptedServer::ScriptedServer(Behaviour behaviour)
    : behaviour_(behaviour), mqtt_(listen()), http_(listen()), stop_(::eventfd(0, 0)) {
  thread_ = std::thread([this] { serve(); });
}

ScriptedServer::Listener ScriptedServer::listen() {
  Listener listener{Fd(::socket(AF_INET, SOCK_STREAM, 0))};
  const int fd = listener.socket.get();
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (::bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(fd, 64) != 0 ||
      ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    throw std::runtime_error("no loopback listener");
  }
  listener.port = ntohs(address.sin_port);
  return listener;
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
    std::vector<pollfd> fds = {
        {stop_.get(), POLLIN, 0}, {mqtt_.socket.get(), POLLIN, 0}, {http_.socket.get(), POLLIN, 0}};
    const std::size_t first = fds.size();
    for (const auto& connection : connections_) fds.push_back({connection.socket.get(), POLLIN, 0});
    ::poll(fds.data(), fds.size(), -1);
    if (fds[0].revents != 0) return;
    for (std::size_t i = connections_.size(); i-- > 0;) {
      if (fds[i + first].revents == 0 || read_from(connections_[i])) continue;
      connections_.erase(connections_.begin() + static_cast<std::ptrdiff_t>(i));
    }
    if (fds[1].revents != 0) accept_one(mqtt_);
    if (fds[2].revents != 0) accept_one(http_);
  }
}

void ScriptedServer::accept_one(const Listener& listener) {
  Fd socket(::accept(listener.socket.get(), nullptr, nullptr));
  if (!socket.is_open()) return;
  const int on = 1;  // an answer in two pieces does not wait for the peer's delayed acknowledgement
  ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  connections_.push_back({std::move(socket), &listener == &http_, false, {}, {}});
}

/// False: the connection is over.
bool ScriptedServer::read_from(Connection& connection) {
  std::array<char, 65'536> buffer{};
  const ssize_t got = ::recv(connection.socket.get(), buffer.data(), buffer.size(), 0);
  if (got <= 0) return false;
  connection.unread.append(buffer.data(), static_cast<std::size_t>(got));
  std::string head;
  std::string body;
  if (connection.is_http) return !cut_request(connection.unread, head, body) || take_request(connection, head, body);
  std::uint8_t first = 0;
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
    case 4:
      ++pubacks_;
      return true;
    case 8:
      connection.is_subscriber = true;
      send_text(connection.socket,
                "\x90\x03" + body.substr(0, 2) + (behaviour_ == Behaviour::RefusesSubscribe ? '\x80' : body.back()));
      return true;
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
  deliver(body.substr(2, length), body.substr(2 + length + (qos > 0 ? 2 : 0)), qos);
  if (qos == 0 || behaviour_ == Behaviour::NeverAcknowledges) return true;
  const std::string id = body.substr(2 + length, 2);
  if (qos == 2) {
    send_text(connection.socket, "\x50\x02" + id);
  } else {
    acknowledge(connection, "\x40\x02" + id);
  }
  return true;
}

bool ScriptedServer::take_request(Connection& connection, const std::string& head, const std::string& body) {
  requests_.insert(head.substr(0, head.find('\r')));
  if (behaviour_ == Behaviour::RefusesHttp) {
    send_text(connection.socket, "HTTP/1.1 400 Bad Request\r\nContent-Length: 3\r\n\r\nno\n");
    return true;
  }
  ++publishes_;
  const auto json = nlohmann::json::parse(body);
  deliver(json.at("topic"), json.at("payload"), json.at("qos"));
  const bool closes = behaviour_ == Behaviour::ClosesHttp;
  send_text(connection.socket,
            closes ? "HTTP/1.1 200 OK\r\nConnection: close\r\n" : "HTTP/1.1 200 OK\r\nServer: x\r\n");
  send_text(connection.socket, "Content-Length: 0\r\n\r\n");
  return !closes;
}

void ScriptedServer::deliver(const std::string& topic, const std::string& payload, unsigned qos) {
  if (behaviour_ == Behaviour::DeliversAtQos0) qos = 0;
  bool is_first = true;
  for (const Connection& connection : connections_) {
    if (!connection.is_subscriber) continue;
    const std::string other(payload.size(), '0');
    const std::string packet =
        encode_publish(topic, behaviour_ == Behaviour::DeliversOtherPayload ? other : payload, qos, next_id_++);
    if (next_id_ == 0) next_id_ = 1;
    const bool first = std::exchange(is_first, false);
    if (first && behaviour_ == Behaviour::LosesDelivery) continue;
    send_text(connection.socket, packet);
    if (first && behaviour_ == Behaviour::RepeatsDelivery) send_text(connection.socket, packet);
  }
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
