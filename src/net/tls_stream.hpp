// One TLS connection on a descriptor that must not block.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "io.hpp"
#include "tls_context.hpp"

namespace mqttproxy::net {

/// Why a handshake failed: the label of its counter.
enum class TlsFailure : std::uint8_t {
  NotTls,             // something else came: plain MQTT, HTTP
  Unsupported,        // no version or cipher in common
  ClientCertificate,  // none, or one that does not hold
  Alert,              // the client does not want to go on: it does not trust our certificate, for instance
  Closed,             // the client went away
  Timeout,
  Other,
  Count_,
};

/// The handshake runs inside read(). Thread: the connection's worker; it may move to another between two calls, with
/// everything OpenSSL has read and not given out. About 15 kB, without a buffer while idle.
class TlsStream {
 public:
  /// `context` is the one the session was made by.
  TlsStream(SslPtr ssl, std::shared_ptr<const TlsContext> context) noexcept
      : context_(std::move(context)), ssl_(std::move(ssl)) {}

  /// Reads until `room` is used up or nothing more is there.
  [[nodiscard]] Io read(char* buffer, std::size_t room) noexcept;
  /// What was not taken must be offered again, and first, if need be with more behind it.
  [[nodiscard]] Io write(std::span<const iovec> parts) noexcept;
  /// Says goodbye, if the socket takes it at once. Nothing is read or written afterwards.
  void close() noexcept;

  /// The last read() did not come to the end of what is there: read on without waiting for the socket, which would not
  /// wake anybody for what OpenSSL holds already.
  [[nodiscard]] bool unread() const noexcept { return unread_; }
  /// The last read() can go on when the socket is writable.
  [[nodiscard]] bool read_wants_write() const noexcept { return read_wants_write_; }
  [[nodiscard]] bool established() const noexcept { return established_; }
  /// Of a session that the client had a ticket for.
  [[nodiscard]] bool resumed() const noexcept { return SSL_session_reused(ssl_.get()) == 1; }
  [[nodiscard]] std::string_view version() const noexcept { return SSL_get_version(ssl_.get()); }
  /// Who the client's certificate says it is (holder_name), once established. Good until this object is gone.
  [[nodiscard]] std::optional<std::string_view> holder();

  /// After IoStatus::Failed, and Closed before the connection was established: why, in OpenSSL's words. A literal.
  [[nodiscard]] std::string_view reason() const noexcept { return reason_; }
  [[nodiscard]] TlsFailure failure() const noexcept { return failure_; }

 private:
  /// What OpenSSL's answer `result` means; notes why it failed.
  IoStatus judge(int result) noexcept;
  void note_failure() noexcept;

  std::shared_ptr<const TlsContext> context_;  // the session uses it until it is gone
  SslPtr ssl_;
  std::string_view reason_ = "closed by peer";
  std::optional<std::string> holder_;
  TlsFailure failure_ = TlsFailure::Closed;
  bool unread_ = false;
  bool read_wants_write_ = false;
  bool established_ = false;
  bool failed_ = false;
};

}  // namespace mqttproxy::net
