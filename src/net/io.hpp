// What came of reading from a connection, or of writing to it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include <sys/uio.h>

namespace mqttproxy::net {

enum class IoStatus : std::uint8_t {
  Done,       // the buffer is full, or everything is written
  WantRead,   // go on when the socket is readable
  WantWrite,  // … writable; with TLS also after reading: an answer of the protocol itself must leave first
  Closed,     // by the peer, in order
  Failed,
};

/// `status` says why there are not more bytes.
struct Io {
  std::size_t bytes = 0;
  IoStatus status = IoStatus::Done;
};

/// One call to the socket each, which must not block. `parts`: at least one; those that are empty count as none.
[[nodiscard]] Io read_plain(int fd, char* buffer, std::size_t room) noexcept;
[[nodiscard]] Io write_plain(int fd, std::span<iovec> parts) noexcept;

}  // namespace mqttproxy::net
