// Certificates and keys as OpenSSL has them. No sockets.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <openssl/evp.h>
#include <openssl/x509.h>

namespace mqttproxy::net {

struct FreeCertificate {
  void operator()(X509* certificate) const noexcept { X509_free(certificate); }
};
struct FreeKey {
  void operator()(EVP_PKEY* key) const noexcept { EVP_PKEY_free(key); }
};
using CertificatePtr = std::unique_ptr<X509, FreeCertificate>;
using KeyPtr = std::unique_ptr<EVP_PKEY, FreeKey>;

/// What PEM text holds, or why it is not usable. Problems never repeat the text.
struct PemCertificates {
  std::vector<CertificatePtr> certificates;  // in their order; never empty without a problem
  std::string problem;
};
struct PemKey {
  KeyPtr key;
  std::string problem;
};

/// Blocks of other kinds are skipped.
[[nodiscard]] PemCertificates parse_certificates(std::string_view pem);
/// An encrypted key is a problem: nobody is there to type its password.
[[nodiscard]] PemKey parse_key(std::string_view pem);

/// Why OpenSSL's last call failed, in its words; empties the thread's error queue.
[[nodiscard]] std::string take_openssl_error();

/// Whether a client that asks for `server_name` may be shown the certificate: by its DNS names, by its common name when
/// it has none. `wildcards`: "*.example.org" counts as well.
[[nodiscard]] bool is_for_name(X509& certificate, const std::string& server_name, bool wildcards) noexcept;

/// Who the holder is: the common name (the last one, where there are several), else the first alternative name that is
/// a DNS name, an e-mail address or a URI. nullopt when there is none, or when it is no MQTT string of 1 to 1,024
/// bytes.
[[nodiscard]] std::optional<std::string> holder_name(X509& certificate);

}  // namespace mqttproxy::net
