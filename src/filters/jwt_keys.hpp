// Public keys that tokens are verified with: one in PEM, or a JSON Web Key Set (RFC 7517). OpenSSL does the work.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <openssl/evp.h>

#include "jwt.hpp"

namespace mqttproxy::filters {

/// RSA keys of 2,048 to 4,096 bits verify RS256, keys on P-256 verify ES256, and nothing else. Thread: one; the state
/// of the verification is reused.
class JwtKeys {
 public:
  /// One public key ("BEGIN PUBLIC KEY"), which verifies tokens with any kid. nullopt with `problem` set.
  [[nodiscard]] static std::optional<JwtKeys> from_pem(std::string_view pem, std::string& problem);
  /// Keys of another kind, algorithm or use are skipped, as RFC 7517 section 5 has it; a broken or a private key is an
  /// error, and so are two keys with one kid, and none that is left. nullopt with `problem` set.
  [[nodiscard]] static std::optional<JwtKeys> from_jwks(std::string_view json, std::string& problem);

  /// The key of the token's kid; without one in the token the only key there is.
  [[nodiscard]] bool verify(const Jwt& jwt);

 private:
  struct Free {
    void operator()(EVP_PKEY* key) const noexcept { EVP_PKEY_free(key); }
    void operator()(EVP_PKEY_CTX* state) const noexcept { EVP_PKEY_CTX_free(state); }
    void operator()(EVP_MD* digest) const noexcept { EVP_MD_free(digest); }
  };
  using KeyPointer = std::unique_ptr<EVP_PKEY, Free>;
  struct Key {
    std::optional<std::string> kid;
    JwtAlgorithm algorithm{};
    KeyPointer key;
    std::unique_ptr<EVP_PKEY_CTX, Free> state;  // ready to verify
  };
  friend class JwksReader;

  JwtKeys() : sha256_(EVP_MD_fetch(nullptr, "SHA256", nullptr)) {}
  [[nodiscard]] static std::optional<Key> make_key(KeyPointer key, std::string& problem);
  [[nodiscard]] const Key* find(const std::optional<std::string>& kid) const noexcept;

  std::unique_ptr<EVP_MD, Free> sha256_;
  std::vector<Key> keys_;
  bool named_ = false;  // by kid
};

}  // namespace mqttproxy::filters
