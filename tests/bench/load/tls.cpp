#include "load/tls.hpp"

#include <array>
#include <cerrno>
#include <string>

#include <openssl/err.h>

#include "load/error.hpp"

namespace mqttproxy::bench {
namespace {

std::string reason(const char* what) {
  std::array<char, 256> text{};
  const unsigned long error = ERR_get_error();
  if (error == 0) return system_error_text(what, errno);
  ERR_error_string_n(error, text.data(), text.size());
  return std::string(what) + ": " + text.data();
}

}  // namespace

TlsClient::TlsClient(TlsMode mode) : context_(SSL_CTX_new(TLS_client_method())) {
  if (!context_) throw LoadError(reason("SSL_CTX_new"));
  SSL_CTX_set_min_proto_version(context_.get(), TLS1_2_VERSION);
  // Thousands of connections at a time: none keeps buffers it does not need.
  SSL_CTX_set_mode(context_.get(), SSL_MODE_RELEASE_BUFFERS);
  // A server that ends the connection without a close_notify: OpenSSL would take the session for a bad one.
  SSL_CTX_set_options(context_.get(), SSL_OP_IGNORE_UNEXPECTED_EOF);
  if (mode == TlsMode::Full) return;
  SSL_CTX_set_session_cache_mode(context_.get(), SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_set_app_data(context_.get(), this);
  SSL_CTX_sess_set_new_cb(context_.get(), on_session);
}

int TlsClient::on_session(SSL* connection, SSL_SESSION* session) {
  auto& self = *static_cast<TlsClient*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(connection)));
  self.session_.reset(session);
  return 1;  // it is ours now
}

TlsStream::TlsStream(TlsClient& client, int socket) : ssl_(SSL_new(client.context_.get())) {
  if (!ssl_ || SSL_set_fd(ssl_.get(), socket) != 1) throw LoadError(reason("SSL_new"));
  SSL_set_connect_state(ssl_.get());
  if (!client.session_) return;
  // A copy: OpenSSL lets a TLS 1.3 session be used once, and many connections are opened at a time.
  SSL_SESSION* session = SSL_SESSION_dup(client.session_.get());
  SSL_set_session(ssl_.get(), session);
  SSL_SESSION_free(session);
}

TlsStream::Step TlsStream::handshake() {
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_.get());
  if (result == 1) return Step::Done;
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return Step::Reads;
    case SSL_ERROR_WANT_WRITE:
      return Step::Writes;
    default:
      throw LoadError(reason("TLS handshake"));
  }
}

void TlsStream::send_whole(std::string_view bytes) {
  ERR_clear_error();
  const int sent = SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size()));
  if (sent != static_cast<int>(bytes.size())) throw LoadError(reason("TLS write"));
}

std::optional<std::size_t> TlsStream::read(std::span<std::uint8_t> buffer) {
  ERR_clear_error();
  const int got = SSL_read(ssl_.get(), buffer.data(), static_cast<int>(buffer.size()));
  if (got > 0) return static_cast<std::size_t>(got);
  switch (SSL_get_error(ssl_.get(), got)) {
    case SSL_ERROR_WANT_READ:
      return std::nullopt;
    case SSL_ERROR_ZERO_RETURN:
      return 0;
    case SSL_ERROR_SYSCALL:
      if (errno == ECONNRESET || errno == 0) return 0;
      break;
    default:
      break;
  }
  throw LoadError(reason("TLS read"));
}

}  // namespace mqttproxy::bench
