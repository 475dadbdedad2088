// Which sockets of a worker are ready.
#pragma once

#include <cstdint>
#include <functional>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <sys/epoll.h>

namespace mqttproxy::net {

/// An epoll within the worker's io_context, level triggered: a socket is registered once and stays so, where Asio's own
/// async_wait costs a system call and an operation object per read. Thread: the worker's.
class Poller {
 public:
  /// `events`: EPOLLIN, EPOLLOUT, EPOLLHUP, EPOLLERR. A socket watched for nothing has none.
  using Handler = std::function<void(std::uint64_t id, std::uint32_t events)>;

  /// Throws std::system_error.
  Poller(boost::asio::io_context& io, Handler handler);

  void start() { await(); }
  /// From the events it is watched for, `before`, to `wanted`; 0 is not registered. What is closed needs no goodbye.
  /// Events of the same turn may still come. False: the kernel has no room for it.
  [[nodiscard]] bool watch(int fd, std::uint64_t id, std::uint32_t before, std::uint32_t wanted) noexcept;

 private:
  void await();
  void dispatch();

  boost::asio::posix::stream_descriptor epoll_;
  Handler handler_;
};

}  // namespace mqttproxy::net
