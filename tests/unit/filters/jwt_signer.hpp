// Keys of the test's own, and tokens signed with them.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

namespace mqttproxy::test {

inline std::string encode_base64url(std::string_view bytes) {
  std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  text.resize(static_cast<std::size_t>(EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                                       reinterpret_cast<const unsigned char*>(bytes.data()),
                                                       static_cast<int>(bytes.size()))));
  while (text.ends_with('=')) text.pop_back();
  for (char& c : text) c = c == '+' ? '-' : c == '/' ? '_' : c;
  return text;
}

class JwtSigner {
 public:
  static JwtSigner rsa(unsigned bits = 2'048) { return JwtSigner(EVP_RSA_gen(bits)); }
  static JwtSigner ec(const char* curve = "P-256") { return JwtSigner(EVP_EC_gen(curve)); }

  [[nodiscard]] std::string public_pem() const {
    const std::unique_ptr<BIO, decltype(&BIO_free)> out(BIO_new(BIO_s_mem()), &BIO_free);
    PEM_write_bio_PUBKEY(out.get(), key_.get());
    char* text = nullptr;
    const long size = BIO_get_mem_data(out.get(), &text);
    return {text, static_cast<std::size_t>(size)};
  }
  /// Members of a JSON Web Key, without braces.
  [[nodiscard]] std::string jwk() const {
    if (EVP_PKEY_is_a(key_.get(), "RSA") == 1) {
      return R"("kty":"RSA","n":")" + number(OSSL_PKEY_PARAM_RSA_N) + R"(","e":")" + number(OSSL_PKEY_PARAM_RSA_E) +
             '"';
    }
    return R"("kty":"EC","crv":"P-256","x":")" + number(OSSL_PKEY_PARAM_EC_PUB_X, 32) + R"(","y":")" +
           number(OSSL_PKEY_PARAM_EC_PUB_Y, 32) + '"';
  }
  /// A token of these two JSON texts.
  [[nodiscard]] std::string sign(std::string_view header, std::string_view claims) const {
    const std::string text = encode_base64url(header) + '.' + encode_base64url(claims);
    return text + '.' + encode_base64url(signature(text));
  }

 private:
  struct Free {
    void operator()(EVP_PKEY* key) const noexcept { EVP_PKEY_free(key); }
    void operator()(EVP_MD_CTX* state) const noexcept { EVP_MD_CTX_free(state); }
    void operator()(BIGNUM* number) const noexcept { BN_free(number); }
    void operator()(ECDSA_SIG* pair) const noexcept { ECDSA_SIG_free(pair); }
  };
  explicit JwtSigner(EVP_PKEY* key) : key_(key, Free()) {}

  [[nodiscard]] std::string number(const char* name, int min_bytes = 1) const {
    BIGNUM* value = nullptr;
    EVP_PKEY_get_bn_param(key_.get(), name, &value);
    const std::unique_ptr<BIGNUM, Free> owner(value);
    return encode_base64url(bytes(value, std::max(min_bytes, BN_num_bytes(value))));
  }
  static std::string bytes(const BIGNUM* value, int size) {
    std::string out(static_cast<std::size_t>(size), '\0');
    BN_bn2binpad(value, reinterpret_cast<unsigned char*>(out.data()), size);
    return out;
  }
  [[nodiscard]] std::string signature(std::string_view text) const {
    const std::unique_ptr<EVP_MD_CTX, Free> state(EVP_MD_CTX_new());
    std::vector<unsigned char> out(1'024);
    std::size_t size = out.size();
    EVP_DigestSignInit(state.get(), nullptr, EVP_sha256(), nullptr, key_.get());
    EVP_DigestSign(state.get(), out.data(), &size, reinterpret_cast<const unsigned char*>(text.data()), text.size());
    if (EVP_PKEY_is_a(key_.get(), "RSA") == 1) return {reinterpret_cast<char*>(out.data()), size};
    const unsigned char* der = out.data();
    const std::unique_ptr<ECDSA_SIG, Free> pair(d2i_ECDSA_SIG(nullptr, &der, static_cast<long>(size)));
    const int half = (EVP_PKEY_get_bits(key_.get()) + 7) / 8;
    return bytes(ECDSA_SIG_get0_r(pair.get()), half) + bytes(ECDSA_SIG_get0_s(pair.get()), half);
  }

  std::shared_ptr<EVP_PKEY> key_;
};

/// Made once: an RSA key takes a while.
inline const JwtSigner& rsa_signer() {
  static const JwtSigner signer = JwtSigner::rsa();
  return signer;
}
inline const JwtSigner& ec_signer() {
  static const JwtSigner signer = JwtSigner::ec();
  return signer;
}

}  // namespace mqttproxy::test
