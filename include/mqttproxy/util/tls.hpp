// TLS for listening sockets, on OpenSSL: a server's certificate, key and client CA from PEM text, with an error for
// each that names no content. Thread: any; a TlsContext may be used by many at once, a TlsSession by one.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

struct ssl_ctx_st;
struct ssl_st;

namespace mqttproxy::util {

struct TlsFree {
  void operator()(ssl_ctx_st* context) const noexcept;
  void operator()(ssl_st* session) const noexcept;
};
using TlsContext = std::unique_ptr<ssl_ctx_st, TlsFree>;
using TlsSession = std::unique_ptr<ssl_st, TlsFree>;

enum class TlsVersion : std::uint8_t { Tls12, Tls13 };

/// What a server needs. Texts are PEM, at most a megabyte each.
struct TlsOptions {
  std::string certificate;  // the server's first, then those between it and the root
  std::string key;          // without a passphrase
  std::string client_ca;    // who must have signed the certificate of a client; empty: none is asked for
  TlsVersion min_version = TlsVersion::Tls12;
};

enum class TlsPart : std::uint8_t { Certificate, Key, ClientCa };

struct TlsProblem {
  TlsPart part;
  std::string text;  // never what a file contains
};

struct TlsServer {
  TlsContext context;                // nullptr: see `problems`
  std::vector<TlsProblem> problems;  // empty where there is a context
};

/// A context for non-blocking sockets: TLS 1.2 with ECDHE and AEAD ciphers, and 1.3. Sessions are resumed by tickets
/// only, for at most ten minutes, so that nothing is kept per client. Clients cannot renegotiate. With `client_ca` a
/// client without a certificate of one of them, with 8 others between and 32 KiB in all at most, does not get through
/// its handshake.
[[nodiscard]] TlsServer make_tls_server(const TlsOptions& options);

struct TlsValidity {
  std::chrono::sys_seconds not_before, not_after;
};
/// Of the server's own certificate.
[[nodiscard]] TlsValidity tls_validity(const ssl_ctx_st& context);

/// A session that will accept a client on `fd`, which must not block. Throws std::bad_alloc.
[[nodiscard]] TlsSession make_tls_session(ssl_ctx_st& context, int fd);

/// Why the last call of OpenSSL on this thread failed, in a few words; empties OpenSSL's list of errors.
[[nodiscard]] std::string take_tls_error();

}  // namespace mqttproxy::util
