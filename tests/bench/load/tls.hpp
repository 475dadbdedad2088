// The client's side of TLS on a non-blocking socket, and what it has learned to resume with.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include <openssl/ssl.h>

namespace mqttproxy::bench {

/// Every handshake from nothing, or each one with the ticket of the one before.
enum class TlsMode : std::uint8_t { Full, Resumed };

/// TLS 1.2 or 1.3 without a look at the certificate: what is measured is the server. Must outlive its streams.
class TlsClient {
 public:
  explicit TlsClient(TlsMode mode);
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;

 private:
  friend class TlsStream;
  struct Free {
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
    void operator()(SSL_SESSION* session) const { SSL_SESSION_free(session); }
  };
  static int on_session(SSL* connection, SSL_SESSION* session);

  std::unique_ptr<SSL_CTX, Free> context_;
  std::unique_ptr<SSL_SESSION, Free> session_;  // the latest; TlsMode::Resumed only
};

/// One connection. Its socket stays the caller's, and must outlive it.
class TlsStream {
 public:
  TlsStream(TlsClient& client, int socket);

  enum class Step : std::uint8_t { Done, Reads, Writes };
  /// Goes on with the handshake; what it waits for. Throws LoadError when it fails.
  [[nodiscard]] Step handshake();
  [[nodiscard]] bool resumed() const { return SSL_session_reused(ssl_.get()) == 1; }
  /// A few bytes that the socket takes whole. Throws LoadError when it does not.
  void send_whole(std::string_view bytes);
  /// nullopt: nothing now; 0: the server has closed. Throws LoadError.
  [[nodiscard]] std::optional<std::size_t> read(std::span<std::uint8_t> buffer);

 private:
  struct Free {
    void operator()(SSL* connection) const {
      SSL_set_shutdown(connection,
                       SSL_SENT_SHUTDOWN);  // else OpenSSL takes its session for one that must not be resumed
      SSL_free(connection);
    }
  };
  std::unique_ptr<SSL, Free> ssl_;
};

}  // namespace mqttproxy::bench
