#include "mqttproxy/util/tls.hpp"

#include <ctime>
#include <new>
#include <string_view>
#include <utility>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

namespace mqttproxy::util {

namespace {

constexpr long kSessionSeconds = 600;
constexpr int kMaxChain = 8;                        // certificates between a client's and its authority
constexpr std::size_t kMaxClientBytes = 32 * 1024;  // of the certificates a client shows
constexpr const char* kTls12Ciphers = "ECDHE+AESGCM:ECDHE+CHACHA20";
constexpr std::string_view kSessionContext = "mqttproxy";  // whose tickets these are

struct Free {
  void operator()(BIO* source) const noexcept { BIO_free_all(source); }
  void operator()(X509* certificate) const noexcept { X509_free(certificate); }
  void operator()(EVP_PKEY* key) const noexcept { EVP_PKEY_free(key); }
};
using Source = std::unique_ptr<BIO, Free>;
using Certificate = std::unique_ptr<X509, Free>;
using Key = std::unique_ptr<EVP_PKEY, Free>;

Source source_of(const std::string& pem) {
  return Source(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
}

/// Without it OpenSSL would ask for the passphrase on the terminal.
int refuse_passphrase(char* /*to*/, int /*size*/, int /*writing*/, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

std::vector<Certificate> read_certificates(const std::string& pem, std::string& problem) {
  std::vector<Certificate> certificates;
  bool asked = false;
  const Source source = source_of(pem);
  while (X509* next = PEM_read_bio_X509(source.get(), nullptr, refuse_passphrase, &asked)) {
    certificates.emplace_back(next);
  }
  const unsigned long end = ERR_peek_last_error();
  if (ERR_GET_LIB(end) != ERR_LIB_PEM || ERR_GET_REASON(end) != PEM_R_NO_START_LINE) {
    problem = "certificate " + std::to_string(certificates.size() + 1) + " is broken: " + take_tls_error();
  } else if (certificates.empty()) {
    problem = "there is no certificate in it (PEM, -----BEGIN CERTIFICATE-----)";
  }
  ERR_clear_error();
  return certificates;
}

Key read_key(const std::string& pem, std::string& problem) {
  bool asked = false;
  const Source source = source_of(pem);
  Key key(PEM_read_bio_PrivateKey(source.get(), nullptr, refuse_passphrase, &asked));
  if (asked) {
    problem = "the private key has a passphrase; it must be stored without one";
  } else if (!key) {
    problem = "there is no usable private key in it (PEM, -----BEGIN PRIVATE KEY-----)";
  }
  ERR_clear_error();
  return key;
}

/// How every session behaves, whoever the server is.
bool set_rules(SSL_CTX* context, TlsVersion min_version) {
  // A call returns after each record, also one without data for us: whoever reads looks at the time in between.
  SSL_CTX_clear_mode(context, SSL_MODE_AUTO_RETRY);
  SSL_CTX_set_mode(context,
                   SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  // HTTP and MQTT say themselves where a message ends: a connection that just ends is no attack, and answered in order.
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF);
  // A device without AES instructions puts ChaCha20 first, and gets it.
  SSL_CTX_set_options(context, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_timeout(context, kSessionSeconds);
  const int version = min_version == TlsVersion::Tls13 ? TLS1_3_VERSION : TLS1_2_VERSION;
  return SSL_CTX_set_min_proto_version(context, version) == 1 && SSL_CTX_set_cipher_list(context, kTls12Ciphers) == 1 &&
         SSL_CTX_set_session_id_context(context, reinterpret_cast<const unsigned char*>(kSessionContext.data()),
                                        static_cast<unsigned>(kSessionContext.size())) == 1;
}

bool set_chain(SSL_CTX* context, const std::vector<Certificate>& chain) {
  if (SSL_CTX_use_certificate(context, chain.front().get()) != 1) return false;
  for (std::size_t i = 1; i < chain.size(); ++i) {
    if (SSL_CTX_add1_chain_cert(context, chain[i].get()) != 1) return false;
  }
  return true;
}

bool require_client_certificate(SSL_CTX* context, const std::vector<Certificate>& authorities) {
  X509_STORE* const store = SSL_CTX_get_cert_store(context);
  for (const Certificate& authority : authorities) {
    if (X509_STORE_add_cert(store, authority.get()) != 1) return false;
    // Named to clients, so that they can choose.
    if (SSL_CTX_add_client_CA(context, authority.get()) != 1) return false;
  }
  X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);  // whoever is listed is trusted, a root or not
  SSL_CTX_set_verify_depth(context, kMaxChain);
  SSL_CTX_set_max_cert_list(context, kMaxClientBytes);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  return true;
}

std::chrono::sys_seconds time_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return {};
  return std::chrono::sys_seconds(std::chrono::seconds(::timegm(&parts)));
}

}  // namespace

void TlsFree::operator()(ssl_ctx_st* context) const noexcept {
  SSL_CTX_free(context);
}

void TlsFree::operator()(ssl_st* session) const noexcept {
  SSL_free(session);
}

TlsServer make_tls_server(const TlsOptions& options) {
  ERR_clear_error();
  TlsServer server;
  const auto fail = [&server](TlsPart part, std::string text) {
    server.context.reset();
    server.problems.push_back({part, std::move(text)});
  };
  std::string problem;
  const std::vector<Certificate> chain = read_certificates(options.certificate, problem);
  if (!problem.empty()) fail(TlsPart::Certificate, std::exchange(problem, {}));
  const Key key = read_key(options.key, problem);
  if (!problem.empty()) fail(TlsPart::Key, std::exchange(problem, {}));
  std::vector<Certificate> authorities;
  if (!options.client_ca.empty()) authorities = read_certificates(options.client_ca, problem);
  if (!problem.empty()) fail(TlsPart::ClientCa, std::exchange(problem, {}));
  if (!server.problems.empty()) return server;

  server.context.reset(SSL_CTX_new(TLS_server_method()));
  SSL_CTX* const context = server.context.get();
  if (context == nullptr || !set_rules(context, options.min_version) || !set_chain(context, chain)) {
    fail(TlsPart::Certificate, "OpenSSL refuses it: " + take_tls_error());
  } else if (X509_check_private_key(chain.front().get(), key.get()) != 1) {
    fail(TlsPart::Key, "the private key does not belong to the certificate");
  } else if (SSL_CTX_use_PrivateKey(context, key.get()) != 1) {
    fail(TlsPart::Key, "OpenSSL refuses it: " + take_tls_error());
  } else if (!authorities.empty() && !require_client_certificate(context, authorities)) {
    fail(TlsPart::ClientCa, "OpenSSL refuses it: " + take_tls_error());
  }
  ERR_clear_error();
  return server;
}

TlsValidity tls_validity(const ssl_ctx_st& context) {
  const X509* const certificate = SSL_CTX_get0_certificate(&context);
  return {time_of(X509_get0_notBefore(certificate)), time_of(X509_get0_notAfter(certificate))};
}

TlsSession make_tls_session(ssl_ctx_st& context, int fd) {
  ERR_clear_error();
  TlsSession session(SSL_new(&context));
  if (!session || SSL_set_fd(session.get(), fd) != 1) {
    ERR_clear_error();
    throw std::bad_alloc();
  }
  SSL_set_accept_state(session.get());
  return session;
}

std::string take_tls_error() {
  const unsigned long error = ERR_peek_error();
  ERR_clear_error();
  if (error == 0) return "no reason given";
  const char* const reason = ERR_reason_error_string(error);
  return reason != nullptr ? reason : "error " + std::to_string(error);
}

}  // namespace mqttproxy::util
