#include "tls_context.hpp"

#include <array>
#include <string>
#include <utility>

#include <openssl/err.h>

namespace mqttproxy::net {

namespace {

/// For TLS 1.2: forward secrecy and authenticated encryption only. TLS 1.3 has nothing else.
constexpr const char* kTls12Ciphers = "ECDHE+AESGCM:ECDHE+CHACHA20";
constexpr long kTicketSeconds = 2 * 60 * 60;
constexpr int kMaxChain = 8;                        // certificates between a client's and its authority
constexpr std::size_t kMaxClientBytes = 32 * 1024;  // of the certificates a client shows
constexpr std::array<unsigned char, 9> kSessionContext = {'m', 'q', 't', 't', 'p', 'r', 'o', 'x', 'y'};

bool add_authorities(SSL_CTX* context, const std::vector<CertificatePtr>& authorities) {
  X509_STORE* store = SSL_CTX_get_cert_store(context);
  for (const CertificatePtr& authority : authorities) {
    if (X509_STORE_add_cert(store, authority.get()) != 1 || SSL_CTX_add_client_CA(context, authority.get()) != 1) {
      return false;
    }
  }
  // Whoever is listed is trusted, a root or not.
  X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  SSL_CTX_set_verify_depth(context, kMaxChain);
  SSL_CTX_set_max_cert_list(context, kMaxClientBytes);
  return true;
}

SslContextPtr make_context(bool only_tls13) {
  SslContextPtr context(SSL_CTX_new(TLS_server_method()));
  if (!context) return nullptr;
  SSL_CTX* raw = context.get();
  SSL_CTX_set_min_proto_version(raw, only_tls13 ? TLS1_3_VERSION : TLS1_2_VERSION);
  // A device without AES instructions puts ChaCha20 first, and gets it.
  SSL_CTX_set_options(raw, SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA |
                               SSL_OP_IGNORE_UNEXPECTED_EOF);  // MQTT packets say themselves where they end
  // An idle connection holds no buffers; a repeated write may come from elsewhere, and longer. TlsStream::unread()
  // needs AUTO_RETRY: only then does "nothing to read" mean that no record is left in a buffer.
  SSL_CTX_set_mode(raw, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                            SSL_MODE_AUTO_RETRY);
  SSL_CTX_set_read_ahead(raw, 1);                           // one system call for many records
  SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF);  // tickets: what the client keeps we need not
  SSL_CTX_set_num_tickets(raw, 1);
  SSL_CTX_set_timeout(raw, kTicketSeconds);
  SSL_CTX_set_session_id_context(raw, kSessionContext.data(), kSessionContext.size());
  return SSL_CTX_set_cipher_list(raw, kTls12Ciphers) == 1 ? std::move(context) : nullptr;
}

/// A certificate that is out of its time is no error: the daemon must start all the same, and clients may not mind.
void warn_of_dates(const config::CertificateConfig& config, const X509& certificate) {
  if (X509_cmp_current_time(X509_get0_notAfter(&certificate)) < 0)
    config.chain.place.warning("the certificate has expired");
  if (X509_cmp_current_time(X509_get0_notBefore(&certificate)) > 0) {
    config.chain.place.warning("the certificate is not valid yet");
  }
}

/// Puts certificate and key into the context; the certificate, or nullptr when an error was reported.
CertificatePtr use_certificate(SSL_CTX* context, const config::CertificateConfig& config) {
  PemCertificates chain = parse_certificates(config.chain.pem);
  const PemKey key = parse_key(config.key.pem);
  // Without a text an error has been reported.
  if (!chain.problem.empty() && !config.chain.pem.empty()) config.chain.place.error(chain.problem);
  if (!key.problem.empty() && !config.key.pem.empty()) config.key.place.error(key.problem);
  if (!chain.problem.empty() || !key.problem.empty()) return nullptr;
  CertificatePtr certificate = std::move(chain.certificates.front());
  if (X509_check_private_key(certificate.get(), key.key.get()) != 1) {
    config.key.place.error("the private key does not belong to the certificate");
    ERR_clear_error();
    return nullptr;
  }
  bool usable =
      SSL_CTX_use_certificate(context, certificate.get()) == 1 && SSL_CTX_use_PrivateKey(context, key.key.get()) == 1;
  for (std::size_t i = 1; i < chain.certificates.size() && usable; ++i) {
    usable = SSL_CTX_add1_chain_cert(context, chain.certificates[i].get()) == 1;
  }
  if (!usable) {
    config.chain.place.error("OpenSSL does not take the certificate: " + take_openssl_error());
    return nullptr;
  }
  warn_of_dates(config, *certificate);
  return certificate;
}

PemCertificates read_authorities(const config::TlsConfig& config) {
  if (!config.client_ca) return {};
  PemCertificates authorities = parse_certificates(config.client_ca->pem);
  if (!authorities.problem.empty() && !config.client_ca->pem.empty())
    config.client_ca->place.error(authorities.problem);
  return authorities;
}

}  // namespace

std::unique_ptr<TlsContext> TlsContext::create(const config::TlsConfig& config) {
  std::unique_ptr<TlsContext> out(new TlsContext);
  const PemCertificates authorities = read_authorities(config);
  bool usable = authorities.problem.empty() && !config.certificates.empty();
  for (const config::CertificateConfig& certificate : config.certificates) {
    Entry entry{nullptr, make_context(config.only_tls13)};
    const bool made =
        entry.context && (!config.client_ca || add_authorities(entry.context.get(), authorities.certificates));
    if (!made) {
      certificate.chain.place.error("OpenSSL makes no TLS context: " + take_openssl_error());
      return nullptr;
    }
    entry.certificate = use_certificate(entry.context.get(), certificate);
    usable = usable && entry.certificate;
    out->entries_.push_back(std::move(entry));
  }
  if (!usable) return nullptr;
  SSL_CTX* first = out->entries_.front().context.get();
  SSL_CTX_set_tlsext_servername_callback(first, &TlsContext::on_server_name);
  SSL_CTX_set_tlsext_servername_arg(first, out.get());
  return out;
}

SslPtr TlsContext::accept(int fd) const noexcept {
  ERR_clear_error();
  SslPtr ssl(SSL_new(entries_.front().context.get()));
  if (!ssl || SSL_set_fd(ssl.get(), fd) != 1) return nullptr;
  SSL_set_accept_state(ssl.get());
  return ssl;
}

SSL_CTX* TlsContext::find(const std::string& server_name) const noexcept {
  for (const bool wildcards : {false, true}) {
    for (const Entry& entry : entries_) {
      if (is_for_name(*entry.certificate, server_name, wildcards)) return entry.context.get();
    }
  }
  return nullptr;
}

int TlsContext::on_server_name(SSL* ssl, int*, void* self) noexcept {
  const TlsContext& context = *static_cast<const TlsContext*>(self);
  const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (name == nullptr || context.entries_.size() == 1) return SSL_TLSEXT_ERR_NOACK;
  SSL_CTX* chosen = context.find(name);
  if (chosen == nullptr) return SSL_TLSEXT_ERR_NOACK;  // the default does; the client may not mind
  SSL_set_SSL_CTX(ssl, chosen);
  return SSL_TLSEXT_ERR_OK;
}

}  // namespace mqttproxy::net
