#include "tls_certificate.hpp"

#include <limits>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "mqttproxy/mqtt/topic.hpp"

namespace mqttproxy::net {

namespace {

constexpr std::size_t kMaxNameBytes = 1'024;

struct FreeBio {
  void operator()(BIO* bio) const noexcept { BIO_free(bio); }
};
using BioPtr = std::unique_ptr<BIO, FreeBio>;

struct FreeNames {
  void operator()(GENERAL_NAMES* names) const noexcept { GENERAL_NAMES_free(names); }
};
using NamesPtr = std::unique_ptr<GENERAL_NAMES, FreeNames>;

BioPtr reader(std::string_view pem) {
  const std::size_t most = std::numeric_limits<int>::max();
  return BioPtr(BIO_new_mem_buf(pem.data(), static_cast<int>(std::min(pem.size(), most))));
}

/// In place of OpenSSL's question on the terminal.
int no_password(char*, int, int, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

std::optional<std::string> usable(std::string name) {
  if (name.empty() || name.size() > kMaxNameBytes || !mqtt::is_mqtt_utf8(name)) return std::nullopt;
  return name;
}

std::string text_of(const ASN1_STRING& text) {
  unsigned char* utf8 = nullptr;
  const int size = ASN1_STRING_to_UTF8(&utf8, &text);
  if (size < 0) return "";
  std::string out(reinterpret_cast<const char*>(utf8), static_cast<std::size_t>(size));
  OPENSSL_free(utf8);
  return out;
}

/// IA5String is ASCII; what is more is no name.
std::string text_of_name(const GENERAL_NAME& name) {
  if (name.type != GEN_DNS && name.type != GEN_EMAIL && name.type != GEN_URI) return "";
  const ASN1_STRING& text = *name.d.ia5;
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(&text)),
          static_cast<std::size_t>(ASN1_STRING_length(&text))};
}

}  // namespace

std::string take_openssl_error() {
  const char* reason = ERR_reason_error_string(ERR_peek_last_error());
  std::string text = reason == nullptr ? "unknown reason" : reason;
  ERR_clear_error();
  return text;
}

PemCertificates parse_certificates(std::string_view pem) {
  PemCertificates out;
  ERR_clear_error();
  const BioPtr bio = reader(pem);
  while (X509* certificate = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) {
    out.certificates.emplace_back(certificate);
  }
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  if (!at_end) {
    out.problem = "a certificate is broken: " + take_openssl_error();
  } else if (out.certificates.empty()) {
    out.problem = "there is no PEM block \"-----BEGIN CERTIFICATE-----\" in it";
  }
  ERR_clear_error();
  return out;
}

PemKey parse_key(std::string_view pem) {
  PemKey out;
  ERR_clear_error();
  bool encrypted = false;
  out.key.reset(PEM_read_bio_PrivateKey(reader(pem).get(), nullptr, no_password, &encrypted));
  if (out.key) return out;
  if (encrypted) {
    out.problem = "the private key is encrypted; it must be one without a password";
  } else if (pem.find("PRIVATE KEY-----") == std::string_view::npos) {
    out.problem = "there is no PEM block \"-----BEGIN PRIVATE KEY-----\" in it";
  } else {
    out.problem = "the private key is broken: " + take_openssl_error();
  }
  ERR_clear_error();
  return out;
}

bool is_for_name(X509& certificate, const std::string& server_name, bool wildcards) noexcept {
  const unsigned flags = wildcards ? X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS : X509_CHECK_FLAG_NO_WILDCARDS;
  return X509_check_host(&certificate, server_name.data(), server_name.size(), flags, nullptr) == 1;
}

std::optional<std::string> holder_name(X509& certificate) {
  const X509_NAME* subject = X509_get_subject_name(&certificate);
  int last = -1;
  for (int at = -1; (at = X509_NAME_get_index_by_NID(subject, NID_commonName, at)) >= 0;) last = at;
  if (last >= 0) return usable(text_of(*X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, last))));
  const NamesPtr names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    std::string name = text_of_name(*sk_GENERAL_NAME_value(names.get(), i));
    if (!name.empty()) return usable(std::move(name));
  }
  return std::nullopt;
}

}  // namespace mqttproxy::net
