// What the connections of one TLS listener have in common.
#pragma once

#include <memory>
#include <vector>

#include <openssl/ssl.h>

#include "mqttproxy/config/config.hpp"
#include "mqttproxy/util/tls.hpp"

namespace mqttproxy::net {

using SslPtr = util::TlsSession;

/// Certificates, keys and settings; and the keys of session tickets, which all workers share because they share this.
/// Fixed once made: any thread. It must outlive its connections.
class TlsContext {
 public:
  /// nullptr exactly when an error was reported at its place in the configuration. Thread: main.
  [[nodiscard]] static std::unique_ptr<TlsContext> create(const config::TlsConfig& config);
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;
  ~TlsContext() = default;

  /// The server's side of a connection on this descriptor, which stays the caller's. nullptr: out of memory.
  [[nodiscard]] SslPtr accept(int fd) const noexcept;

 private:
  TlsContext() = default;
  /// The context whose certificate is for the name: one that has it exactly, else one with a wildcard, else nullptr.
  [[nodiscard]] SSL_CTX* find(const std::string& server_name) const noexcept;
  static int on_server_name(SSL* ssl, int* alert, void* self) noexcept;

  std::vector<util::TlsContext> contexts_;  // one for each certificate, never empty; the first is the default
};

}  // namespace mqttproxy::net
