// Certificates of the tests' own, in PEM: authorities, servers and clients, made in the process.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

namespace mqttproxy::test {

struct FreeSsl {
  void operator()(EVP_PKEY* key) const noexcept { EVP_PKEY_free(key); }
  void operator()(X509* certificate) const noexcept { X509_free(certificate); }
  void operator()(BIO* text) const noexcept { BIO_free_all(text); }
};

/// A key with its certificate, signed by itself or by another identity.
class Identity {
 public:
  struct Life {
    long from = -60, until = 3'600;  // seconds from now
  };

  static Identity authority(const std::string& name) { return {name, EVP_EC_gen("P-256"), nullptr, {}, true}; }
  static Identity self_signed(const std::string& name, EVP_PKEY* key, Life life) {
    return {name, key, nullptr, life, false};
  }
  static Identity self_signed(const std::string& name) { return self_signed(name, EVP_EC_gen("P-256"), {}); }
  [[nodiscard]] Identity sign(const std::string& name) const { return {name, EVP_EC_gen("P-256"), this, {}, false}; }

  [[nodiscard]] std::string certificate_pem() const {
    return pem([this](BIO* out) { PEM_write_bio_X509(out, certificate_.get()); });
  }
  /// Encrypted where there is a passphrase.
  [[nodiscard]] std::string key_pem(const char* passphrase = nullptr) const {
    return pem([&](BIO* out) {
      const EVP_CIPHER* const cipher = passphrase == nullptr ? nullptr : EVP_aes_128_cbc();
      PEM_write_bio_PKCS8PrivateKey(out, key_.get(), cipher, nullptr, 0, nullptr, const_cast<char*>(passphrase));
    });
  }

 private:
  Identity(const std::string& name, EVP_PKEY* key, const Identity* issuer, Life life, bool is_authority)
      : key_(key), certificate_(X509_new()) {
    static std::int64_t serial = 1;
    X509* const certificate = certificate_.get();
    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set_int64(X509_get_serialNumber(certificate), serial++);
    X509_gmtime_adj(X509_getm_notBefore(certificate), life.from);
    X509_gmtime_adj(X509_getm_notAfter(certificate), life.until);
    X509_set_pubkey(certificate, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
    X509* const signer = issuer == nullptr ? certificate : issuer->certificate_.get();
    X509_set_issuer_name(certificate, X509_get_subject_name(signer));
    add_extension(NID_basic_constraints, is_authority ? "critical,CA:TRUE" : "critical,CA:FALSE");
    X509_sign(certificate, issuer == nullptr ? key : issuer->key_.get(), EVP_sha256());
  }

  void add_extension(int id, const char* value) {
    X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, nullptr, id, value);
    X509_add_ext(certificate_.get(), extension, -1);
    X509_EXTENSION_free(extension);
  }

  template <class Write>
  static std::string pem(Write write) {
    const std::unique_ptr<BIO, FreeSsl> out(BIO_new(BIO_s_mem()));
    write(out.get());
    char* text = nullptr;
    const long size = BIO_get_mem_data(out.get(), &text);
    return {text, static_cast<std::size_t>(size)};
  }

  std::unique_ptr<EVP_PKEY, FreeSsl> key_;
  std::unique_ptr<X509, FreeSsl> certificate_;
};

}  // namespace mqttproxy::test
