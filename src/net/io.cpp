#include "io.hpp"

#include <cerrno>

#include <sys/socket.h>

namespace mqttproxy::net {

namespace {

bool is_transient(int error) noexcept {
  return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

}  // namespace

Io read_plain(int fd, char* buffer, std::size_t room) noexcept {
  const ssize_t received = ::recv(fd, buffer, room, 0);
  if (received > 0) return {static_cast<std::size_t>(received), IoStatus::Done};
  if (received == 0) return {0, IoStatus::Closed};
  return {0, is_transient(errno) ? IoStatus::WantRead : IoStatus::Failed};
}

Io write_plain(int fd, std::span<iovec> parts) noexcept {
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  const ssize_t sent = ::sendmsg(fd, &message, MSG_NOSIGNAL);
  if (sent >= 0) return {static_cast<std::size_t>(sent), IoStatus::Done};
  return {0, is_transient(errno) ? IoStatus::WantWrite : IoStatus::Failed};
}

}  // namespace mqttproxy::net
