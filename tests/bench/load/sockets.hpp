// Owned descriptors, non-blocking sockets, epoll and timerfd: nothing but the system calls.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <sys/epoll.h>

namespace mqttproxy::bench {

/// A file descriptor that closes itself.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() { close(); }

  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] bool is_open() const { return fd_ >= 0; }
  void close();

 private:
  int fd_ = -1;
};

/// Where to connect to: an IPv4 address in dotted form and a port.
struct Target {
  std::string host = "127.0.0.1";
  std::uint16_t port = 1883;
};

/// Level-triggered; every registration carries a 64-bit tag that comes back with the event.
class Epoll {
 public:
  Epoll();
  void add(int fd, std::uint32_t events, std::uint64_t tag) const;
  void remove(int fd) const;
  void modify(int fd, std::uint32_t events, std::uint64_t tag) const;
  /// Events that are ready, at most 256; empty after `timeout`. The span lives until the next call.
  std::span<const epoll_event> wait(std::chrono::milliseconds timeout);

 private:
  Fd fd_;
  std::array<epoll_event, 256> events_{};
};

/// Fires every `interval`; read_ticks() clears it.
class IntervalTimer {
 public:
  explicit IntervalTimer(std::chrono::nanoseconds interval);
  [[nodiscard]] int fd() const { return fd_.get(); }
  void clear() const;

 private:
  Fd fd_;
};

/// CLOCK_MONOTONIC, the clock that other processes of this machine share.
[[nodiscard]] std::chrono::nanoseconds monotonic_now();

/// Starts a non-blocking TCP connect from 127.0.0.(1 + n) with TCP_NODELAY, where n steps up every 20,000
/// connections: one client address has no more than about 28,000 ports. Other targets than 127.0.0.0/8 get the
/// system's choice. Writable when connected. Throws LoadError.
[[nodiscard]] Fd start_connect(const Target& target, std::uint64_t index);

/// A blocking connection; not open when nobody listens there (yet). Throws LoadError for any other failure.
[[nodiscard]] Fd connect_blocking(const Target& target);

/// A few bytes that the socket's buffer takes whole. Throws LoadError when it does not.
void send_whole(const Fd& socket, std::string_view bytes);

/// What there is to read, at most `buffer`; 0: nothing now. Throws LoadError, also when the peer has closed.
[[nodiscard]] std::size_t receive(const Fd& socket, std::span<std::uint8_t> buffer);

/// The outcome of start_connect() once writable: 0 or an errno value.
[[nodiscard]] int connect_error(const Fd& socket);

/// Raises the descriptor limit to its maximum; throws LoadError when that is not enough for `wanted` sockets.
void require_descriptors(std::uint64_t wanted);

}  // namespace mqttproxy::bench
