// The floor of the socket half: an MQTT server that reads, acknowledges and does nothing else. One thread, one epoll.
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <memory>
#include <string>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "load/error.hpp"
#include "load/sockets.hpp"
#include "load/streams.hpp"

namespace {

using namespace mqttproxy::bench;

constexpr std::uint8_t kPubackByte = 0x40;
constexpr std::uint8_t kPubrecByte = 0x50;
constexpr std::uint8_t kPubcompByte = 0x70;
constexpr std::string_view kConnack{"\x20\x02\x00\x00", 4};
constexpr std::string_view kPingresp{"\xD0\x00", 2};

struct Connection {
  Fd socket;
  PacketStream packets;
};

class Sink {
 public:
  explicit Sink(std::uint16_t port)
      : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)), buffer_(std::size_t{64} * 1024) {
    const int on = 1;
    ::setsockopt(listener_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(listener_.get(), 1'024) != 0) {
      throw LoadError(system_error_text("listen", errno));
    }
    epoll_.add(listener_.get(), EPOLLIN, kListenerTag);
  }

  [[noreturn]] void run() {
    for (;;) {
      for (const epoll_event& event : epoll_.wait(std::chrono::milliseconds{1'000})) {
        if (event.data.u64 == kListenerTag) {
          accept_some();
        } else if (!serve(*connections_[event.data.u64])) {
          connections_[event.data.u64].reset();
          free_.push_back(event.data.u64);
        }
      }
    }
  }

 private:
  static constexpr std::uint64_t kListenerTag = ~std::uint64_t{0};

  void accept_some() {
    constexpr int kMost = 64;
    for (int i = 0; i < kMost; ++i) {
      Fd socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (!socket.is_open()) return;
      const int on = 1;
      ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      std::uint64_t place = connections_.size();
      if (free_.empty()) {
        connections_.emplace_back();
      } else {
        place = free_.back();
        free_.pop_back();
      }
      epoll_.add(socket.get(), EPOLLIN, place);
      connections_[place] = std::make_unique<Connection>(Connection{std::move(socket), {}});
    }
  }

  /// False: the connection is over.
  bool serve(Connection& connection) {
    const ssize_t got = ::recv(connection.socket.get(), buffer_.data(), buffer_.size(), 0);
    if (got < 0 && errno == EAGAIN) return true;
    if (got <= 0) return false;
    answers_.clear();
    bool stays = true;
    const bool valid = connection.packets.feed(std::span(buffer_).first(static_cast<std::size_t>(got)),
                                               [&](const ServerPacket& packet) { stays &= answer(packet); });
    if (!answers_.empty()) send_whole(connection.socket, answers_);
    return valid && stays;
  }

  /// False: DISCONNECT.
  bool answer(const ServerPacket& packet) {
    switch (packet.type()) {
      case 1:  // CONNECT
        answers_ += kConnack;
        return true;
      case 3:  // PUBLISH
        acknowledge(packet);
        return true;
      case 6:  // PUBREL
        if (packet.body.size() == 2) append(kPubcompByte, packet.body[0], packet.body[1]);
        return true;
      case 12:  // PINGREQ
        answers_ += kPingresp;
        return true;
      default:
        return false;
    }
  }

  void acknowledge(const ServerPacket& publish) {
    const unsigned qos = publish.first >> 1 & 3;
    if (qos == 0 || publish.body.size() < 2) return;
    const std::size_t id_at = 2 + (static_cast<std::size_t>(publish.body[0]) << 8 | publish.body[1]);
    if (publish.body.size() < id_at + 2) return;
    append(qos == 1 ? kPubackByte : kPubrecByte, publish.body[id_at], publish.body[id_at + 1]);
  }

  void append(std::uint8_t first, std::uint8_t id_high, std::uint8_t id_low) {
    for (const std::uint8_t byte : {first, std::uint8_t{2}, id_high, id_low}) {
      answers_.push_back(static_cast<char>(byte));
    }
  }

  Fd listener_;
  Epoll epoll_;
  std::vector<std::uint8_t> buffer_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<std::uint64_t> free_;
  std::string answers_;
};

}  // namespace

int main(int argc, char** argv) {
  const long port = argc == 2 ? std::strtol(argv[1], nullptr, 10) : 0;
  if (port < 1 || port > 65'535) {
    std::fputs("usage: sink PORT\n", stderr);
    return 2;
  }
  try {
    require_descriptors(0);
    Sink(static_cast<std::uint16_t>(port)).run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "sink: %s\n", error.what());
    return 1;
  }
}
