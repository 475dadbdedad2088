#include "tls_context.hpp"

#include <chrono>
#include <string>
#include <utility>

#include <openssl/err.h>

#include "tls_certificate.hpp"

namespace mqttproxy::net {

namespace {

constexpr long kTicketSeconds = 2 * 60 * 60;

/// What devices need otherwise than clients of the API: they are many, and read by readiness.
void tune(SSL_CTX* context) {
  // TlsStream::unread() needs AUTO_RETRY: only then does "nothing to read" mean that no record is left in a buffer.
  SSL_CTX_set_mode(context, SSL_MODE_AUTO_RETRY);
  SSL_CTX_set_read_ahead(context, 1);  // one system call for many records
  SSL_CTX_set_num_tickets(context, 1);
  SSL_CTX_set_timeout(context, kTicketSeconds);
}

}  // namespace

std::unique_ptr<TlsContext> TlsContext::create(const config::TlsConfig& config) {
  std::unique_ptr<TlsContext> out(new TlsContext);
  bool usable = !config.certificates.empty() && !(config.client_ca && config.client_ca->pem.empty());
  for (const config::CertificateConfig& certificate : config.certificates) {
    out->contexts_.push_back(config::make_tls_context(config, certificate));
    usable = usable && out->contexts_.back();
    if (usable) tune(out->contexts_.back().get());
  }
  if (!usable) return nullptr;
  SSL_CTX* first = out->contexts_.front().get();
  SSL_CTX_set_tlsext_servername_callback(first, &TlsContext::on_server_name);
  SSL_CTX_set_tlsext_servername_arg(first, out.get());
  return out;
}

SslPtr TlsContext::accept(int fd) const noexcept {
  ERR_clear_error();
  SslPtr ssl(SSL_new(contexts_.front().get()));
  if (!ssl || SSL_set_fd(ssl.get(), fd) != 1) return nullptr;
  SSL_set_accept_state(ssl.get());
  return ssl;
}

SSL_CTX* TlsContext::find(const std::string& server_name) const noexcept {
  for (const bool wildcards : {false, true}) {
    for (const util::TlsContext& context : contexts_) {
      const X509* certificate = SSL_CTX_get0_certificate(context.get());
      if (is_for_name(*certificate, server_name, wildcards)) return context.get();
    }
  }
  return nullptr;
}

int TlsContext::on_server_name(SSL* ssl, int*, void* self) noexcept {
  const TlsContext& context = *static_cast<const TlsContext*>(self);
  const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (name == nullptr || context.contexts_.size() == 1) return SSL_TLSEXT_ERR_NOACK;
  SSL_CTX* chosen = context.find(name);
  if (chosen == nullptr) return SSL_TLSEXT_ERR_NOACK;  // the default does; the client may not mind
  SSL_set_SSL_CTX(ssl, chosen);
  return SSL_TLSEXT_ERR_OK;
}

}  // namespace mqttproxy::net
