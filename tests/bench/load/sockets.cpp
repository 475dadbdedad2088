#include "load/sockets.hpp"

#include <cerrno>
#include <cstring>
#include <ctime>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "load/error.hpp"

namespace mqttproxy::bench {
namespace {

constexpr std::uint64_t kConnectionsPerAddress = 20'000;
constexpr std::uint32_t kLoopbackNet = 127;

sockaddr_in address_of(const Target& target) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(target.port);
  if (::inet_pton(AF_INET, target.host.c_str(), &address.sin_addr) != 1) {
    throw LoadError("--host: not an IPv4 address: " + target.host);
  }
  return address;
}

void bind_loopback_address(int fd, std::uint64_t index) {
  // Without this option bind() would reserve one of the ports of *all* addresses' ranges at once.
  const int on = 1;
  ::setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  sockaddr_in local{};
  local.sin_family = AF_INET;
  local.sin_addr.s_addr = htonl((kLoopbackNet << 24) + 1 + static_cast<std::uint32_t>(index / kConnectionsPerAddress));
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&local), sizeof local) != 0) {
    throw LoadError(system_error_text("bind to a loopback address", errno));
  }
}

}  // namespace

std::string system_error_text(const std::string& what, int error_number) {
  return what + ": " + std::strerror(error_number);
}

void Fd::close() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

Epoll::Epoll() : fd_(::epoll_create1(EPOLL_CLOEXEC)) {
  if (!fd_.is_open()) throw LoadError(system_error_text("epoll_create1", errno));
}

void Epoll::add(int fd, std::uint32_t events, std::uint64_t tag) const {
  epoll_event event{events, {.u64 = tag}};
  if (::epoll_ctl(fd_.get(), EPOLL_CTL_ADD, fd, &event) != 0) throw LoadError(system_error_text("epoll_ctl", errno));
}

void Epoll::modify(int fd, std::uint32_t events, std::uint64_t tag) const {
  epoll_event event{events, {.u64 = tag}};
  if (::epoll_ctl(fd_.get(), EPOLL_CTL_MOD, fd, &event) != 0) throw LoadError(system_error_text("epoll_ctl", errno));
}

void Epoll::remove(int fd) const {
  if (::epoll_ctl(fd_.get(), EPOLL_CTL_DEL, fd, nullptr) != 0) throw LoadError(system_error_text("epoll_ctl", errno));
}

std::span<const epoll_event> Epoll::wait(std::chrono::milliseconds timeout) {
  const int count =
      ::epoll_wait(fd_.get(), events_.data(), static_cast<int>(events_.size()), static_cast<int>(timeout.count()));
  if (count < 0 && errno != EINTR) throw LoadError(system_error_text("epoll_wait", errno));
  return std::span<const epoll_event>(events_).first(count > 0 ? static_cast<std::size_t>(count) : 0);
}

IntervalTimer::IntervalTimer(std::chrono::nanoseconds interval)
    : fd_(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)) {
  if (!fd_.is_open()) throw LoadError(system_error_text("timerfd_create", errno));
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(interval);
  const timespec step{seconds.count(), (interval - seconds).count()};
  const itimerspec spec{step, step};
  if (::timerfd_settime(fd_.get(), 0, &spec, nullptr) != 0) {
    throw LoadError(system_error_text("timerfd_settime", errno));
  }
}

void IntervalTimer::clear() const {
  std::uint64_t expirations = 0;
  const ssize_t got = ::read(fd_.get(), &expirations, sizeof expirations);
  if (got < 0 && errno != EAGAIN) throw LoadError(system_error_text("timerfd", errno));
}

std::chrono::nanoseconds monotonic_now() {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return std::chrono::seconds{time.tv_sec} + std::chrono::nanoseconds{time.tv_nsec};
}

Fd start_connect(const Target& target, std::uint64_t index) {
  const sockaddr_in address = address_of(target);
  Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket.is_open()) throw LoadError(system_error_text("socket", errno));
  const int on = 1;
  ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (ntohl(address.sin_addr.s_addr) >> 24 == kLoopbackNet) bind_loopback_address(socket.get(), index);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 &&
      errno != EINPROGRESS) {
    throw LoadError(system_error_text("connect to " + target.host + ":" + std::to_string(target.port), errno));
  }
  return socket;
}

Fd connect_blocking(const Target& target) {
  const sockaddr_in address = address_of(target);
  Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket.is_open()) throw LoadError(system_error_text("socket", errno));
  const int on = 1;
  ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return socket;
  if (errno != ECONNREFUSED) throw LoadError(system_error_text("connect", errno));
  return Fd();
}

void send_whole(const Fd& socket, std::string_view bytes) {
  const ssize_t sent = ::send(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (sent < 0) throw LoadError(system_error_text("write", errno));
  if (static_cast<std::size_t>(sent) < bytes.size())
    throw LoadError("the socket takes no more: the peer does not read");
}

std::size_t receive(const Fd& socket, std::span<std::uint8_t> buffer) {
  const ssize_t got = ::recv(socket.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
  if (got < 0) throw LoadError(system_error_text("read", errno));
  if (got == 0) throw LoadError("the server closed the connection");
  return static_cast<std::size_t>(got);
}

int connect_error(const Fd& socket) {
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
  return error;
}

void require_descriptors(std::uint64_t wanted) {
  constexpr std::uint64_t kReserve = 64;  // standard streams, epoll, timer, libraries
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_max < wanted + kReserve) {
    throw LoadError(std::to_string(wanted) + " connections need more than the " + std::to_string(limit.rlim_max) +
                    " descriptors this process may have (ulimit -Hn)");
  }
}

}  // namespace mqttproxy::bench
