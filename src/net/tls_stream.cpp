#include "tls_stream.hpp"

#include <algorithm>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "tls_certificate.hpp"

namespace mqttproxy::net {

namespace {

/// The error a peer's alert is reported as is this and the alert's number.
constexpr int kAlerts = SSL_AD_REASON_OFFSET;
constexpr int kAfterAlerts = kAlerts + 256;

TlsFailure classify(int reason) noexcept {
  switch (reason) {
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_HTTP_REQUEST:
    case SSL_R_HTTPS_PROXY_REQUEST:
    case SSL_R_BAD_RECORD_TYPE:
    case SSL_R_RECORD_LENGTH_MISMATCH:
    case SSL_R_PACKET_LENGTH_TOO_LONG:
      return TlsFailure::NotTls;
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_VERSION_TOO_LOW:
    case SSL_R_NO_SHARED_CIPHER:
    case SSL_R_NO_PROTOCOLS_AVAILABLE:
    case SSL_R_NO_SUITABLE_KEY_SHARE:
    case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
    case SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS:
    case SSL_R_NO_SHARED_GROUPS:
      return TlsFailure::Unsupported;
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
    case SSL_R_CERTIFICATE_VERIFY_FAILED:
    case SSL_R_EXCESSIVE_MESSAGE_SIZE:
      return TlsFailure::ClientCertificate;
    default:
      return reason > kAlerts && reason < kAfterAlerts ? TlsFailure::Alert : TlsFailure::Other;
  }
}

}  // namespace

Io TlsStream::read(char* buffer, std::size_t room) noexcept {
  Io io;
  if (!established_) {
    ERR_clear_error();
    const int result = SSL_do_handshake(ssl_.get());
    established_ = result == 1;
    if (!established_) io.status = judge(result);
  }
  while (io.bytes < room && io.status == IoStatus::Done) {
    std::size_t count = 0;
    // What another connection of this thread left behind would be taken for an error of this one.
    ERR_clear_error();
    const int result = SSL_read_ex(ssl_.get(), buffer + io.bytes, room - io.bytes, &count);
    io.bytes += count;
    if (result != 1) io.status = judge(result);
  }
  read_wants_write_ = io.status == IoStatus::WantWrite;
  // An end behind bytes is met again by the next call.
  unread_ = io.status != IoStatus::WantRead && io.status != IoStatus::WantWrite;
  return io;
}

Io TlsStream::write(std::span<const iovec> parts) noexcept {
  Io io;
  for (const iovec& part : parts) {
    for (std::size_t sent = 0; sent < part.iov_len;) {
      std::size_t count = 0;
      ERR_clear_error();
      const int result =
          SSL_write_ex(ssl_.get(), static_cast<const char*>(part.iov_base) + sent, part.iov_len - sent, &count);
      if (result != 1) {
        io.status = judge(result);
        return io;
      }
      sent += count;
      io.bytes += count;
    }
  }
  return io;
}

void TlsStream::close() noexcept {
  if (!established_ || failed_) return;  // OpenSSL forbids it after a failure
  ERR_clear_error();
  (void)SSL_shutdown(ssl_.get());
  ERR_clear_error();
}

IoStatus TlsStream::judge(int result) noexcept {
  if (failed_) return IoStatus::Failed;
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return IoStatus::WantRead;
    case SSL_ERROR_WANT_WRITE:
      return IoStatus::WantWrite;
    case SSL_ERROR_ZERO_RETURN:
      return IoStatus::Closed;
    case SSL_ERROR_SYSCALL:
      failed_ = true;
      if (established_) reason_ = "connection reset";
      break;
    default:
      failed_ = true;
      note_failure();
      break;
  }
  ERR_clear_error();
  return IoStatus::Failed;
}

void TlsStream::note_failure() noexcept {
  const unsigned long error = ERR_peek_last_error();
  const int reason = ERR_GET_REASON(error);
  const char* text = ERR_reason_error_string(error);
  reason_ = text == nullptr ? "unknown reason" : text;
  failure_ = ERR_GET_LIB(error) == ERR_LIB_SSL ? classify(reason) : TlsFailure::Other;
  const long verified = SSL_get_verify_result(ssl_.get());
  if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED && verified != X509_V_OK) {
    reason_ = X509_verify_cert_error_string(verified);
  }
}

std::optional<std::string_view> TlsStream::holder() {
  X509* certificate = SSL_get0_peer_certificate(ssl_.get());
  if (!holder_ && certificate != nullptr) holder_ = holder_name(*certificate);
  return holder_ ? std::optional<std::string_view>(*holder_) : std::nullopt;
}

}  // namespace mqttproxy::net
