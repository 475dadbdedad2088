#include "jwt_keys.hpp"

#include <algorithm>
#include <array>

#include <openssl/bio.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

namespace mqttproxy::filters {

namespace {

constexpr int kMinRsaBits = 2'048;  // RFC 7518 section 3.3
constexpr int kMaxRsaBits = 4'096;  // 135 µs; 8,192 take 420, too long for a worker
constexpr std::size_t kP256Bytes = 32;

/// What OpenSSL has noted of a failure belongs to nobody: the next reader of this thread's queue must not find it.
struct ClearErrors {
  ClearErrors() = default;
  ClearErrors(const ClearErrors&) = delete;
  ClearErrors& operator=(const ClearErrors&) = delete;
  ~ClearErrors() { ERR_clear_error(); }
};

bool is_on_p256(const EVP_PKEY* key) {
  std::array<char, 64> group{};
  return EVP_PKEY_get_group_name(key, group.data(), group.size(), nullptr) == 1 &&
         std::string_view(group.data()) == SN_X9_62_prime256v1;
}

const unsigned char* bytes(std::string_view text) noexcept {
  return reinterpret_cast<const unsigned char*>(text.data());
}

/// ES256 signs with r and s side by side (RFC 7518 section 3.4), OpenSSL wants them in DER; empty when they are not.
std::string to_der(std::string_view signature) {
  if (signature.size() != 2 * kP256Bytes) return {};
  const std::unique_ptr<ECDSA_SIG, decltype(&ECDSA_SIG_free)> pair(ECDSA_SIG_new(), &ECDSA_SIG_free);
  BIGNUM* r = BN_bin2bn(bytes(signature), kP256Bytes, nullptr);
  BIGNUM* s = BN_bin2bn(bytes(signature) + kP256Bytes, kP256Bytes, nullptr);
  if (!pair || ECDSA_SIG_set0(pair.get(), r, s) != 1) {  // takes both, or neither
    BN_free(r);
    BN_free(s);
    return {};
  }
  const int size = i2d_ECDSA_SIG(pair.get(), nullptr);
  std::string der(size > 0 ? static_cast<std::size_t>(size) : 0, '\0');
  auto* out = reinterpret_cast<unsigned char*>(der.data());
  if (size > 0) i2d_ECDSA_SIG(pair.get(), &out);
  return der;
}

}  // namespace

std::optional<JwtKeys> JwtKeys::from_pem(std::string_view pem, std::string& problem) {
  const ClearErrors clear;
  const std::unique_ptr<BIO, decltype(&BIO_free)> source(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())),
                                                         &BIO_free);
  KeyPointer key(source ? PEM_read_bio_PUBKEY(source.get(), nullptr, nullptr, nullptr) : nullptr);
  if (!key) {
    problem = "no public key in PEM: -----BEGIN PUBLIC KEY----- …";
    return std::nullopt;
  }
  std::optional<Key> made = make_key(std::move(key), problem);
  if (!made) return std::nullopt;
  JwtKeys keys;
  keys.keys_.push_back(std::move(*made));
  return keys;
}

std::optional<JwtKeys::Key> JwtKeys::make_key(KeyPointer key, std::string& problem) {
  Key made;
  const int bits = EVP_PKEY_get_bits(key.get());
  if (EVP_PKEY_is_a(key.get(), "RSA") == 1 && bits >= kMinRsaBits && bits <= kMaxRsaBits) {
    made.algorithm = JwtAlgorithm::Rs256;
  } else if (EVP_PKEY_is_a(key.get(), "EC") == 1 && is_on_p256(key.get())) {
    made.algorithm = JwtAlgorithm::Es256;
  } else {
    problem = "must be an RSA key of 2048 to 4096 bits (RS256) or one on the curve P-256 (ES256)";
    return std::nullopt;
  }
  made.state.reset(EVP_PKEY_CTX_new_from_pkey(nullptr, key.get(), nullptr));
  const bool ready = made.state && EVP_PKEY_public_check(made.state.get()) == 1 &&
                     EVP_PKEY_verify_init(made.state.get()) == 1 &&
                     (made.algorithm != JwtAlgorithm::Rs256 ||
                      EVP_PKEY_CTX_set_rsa_padding(made.state.get(), RSA_PKCS1_PADDING) == 1) &&
                     EVP_PKEY_CTX_set_signature_md(made.state.get(), EVP_sha256()) == 1;
  if (!ready) {
    problem = "is no valid key";
    return std::nullopt;
  }
  made.key = std::move(key);
  return made;
}

const JwtKeys::Key* JwtKeys::find(const std::optional<std::string>& kid) const noexcept {
  if (!named_ || !kid) return keys_.size() == 1 ? &keys_.front() : nullptr;
  const auto found = std::ranges::find(keys_, kid, &Key::kid);
  return found == keys_.end() ? nullptr : &*found;
}

bool JwtKeys::verify(const Jwt& jwt) {
  const ClearErrors clear;
  const Key* key = find(jwt.kid);
  if (key == nullptr || key->algorithm != jwt.algorithm) return false;  // RFC 8725 section 3.1
  std::array<unsigned char, 32> digest{};
  if (EVP_Digest(jwt.signed_text.data(), jwt.signed_text.size(), digest.data(), nullptr, sha256_.get(), nullptr) != 1) {
    return false;
  }
  const std::string der = jwt.algorithm == JwtAlgorithm::Es256 ? to_der(jwt.signature) : std::string();
  const std::string_view signature = jwt.algorithm == JwtAlgorithm::Es256 ? der : jwt.signature;
  return EVP_PKEY_verify(key->state.get(), bytes(signature), signature.size(), digest.data(), digest.size()) == 1;
}

}  // namespace mqttproxy::filters
