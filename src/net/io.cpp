#include "io.hpp"

#include <algorithm>
#include <cerrno>

#include <sys/socket.h>

namespace mqttproxy::net {

namespace {

bool is_transient(int error) noexcept {
  return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

/// The kernel copies a vector in before it looks at what it names; most writes are one part.
ssize_t send_parts(int fd, std::span<iovec> parts) noexcept {
  const bool single = std::ranges::all_of(parts.subspan(1), [](const iovec& part) { return part.iov_len == 0; });
  if (single) return ::send(fd, parts[0].iov_base, parts[0].iov_len, MSG_NOSIGNAL);
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  return ::sendmsg(fd, &message, MSG_NOSIGNAL);
}

}  // namespace

Io read_plain(int fd, char* buffer, std::size_t room) noexcept {
  const ssize_t received = ::recv(fd, buffer, room, 0);
  if (received > 0) return {static_cast<std::size_t>(received), IoStatus::Done};
  if (received == 0) return {0, IoStatus::Closed};
  return {0, is_transient(errno) ? IoStatus::WantRead : IoStatus::Failed};
}

Io write_plain(int fd, std::span<iovec> parts) noexcept {
  const ssize_t sent = send_parts(fd, parts);
  if (sent >= 0) return {static_cast<std::size_t>(sent), IoStatus::Done};
  return {0, is_transient(errno) ? IoStatus::WantWrite : IoStatus::Failed};
}

}  // namespace mqttproxy::net
