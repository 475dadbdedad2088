// MQTTClientAuth: user name and password of CONNECT against salted SHA-256 hashes, or against scrypt and PBKDF2 hashes
// that are computed off the workers.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include <openssl/evp.h>

#include "mqttproxy/pipeline/filter.hpp"
#include "mqttproxy/util/task_pool.hpp"

#include "password_hash.hpp"
#include "string_map.hpp"

namespace mqttproxy::filters {

using Sha256Digest = std::array<std::uint8_t, 32>;

/// 64 hexadecimal digits of either case; nullopt for anything else.
[[nodiscard]] std::optional<Sha256Digest> parse_sha256_hex(std::string_view hex) noexcept;

/// Which concatenation was hashed. Easegress' code hashes password‖salt, its documented example is salt‖password.
enum class HashOrder : std::uint8_t { Any, PasswordSalt, SaltPassword };

/// A user's stored password: one of the two.
struct Credential {
  Sha256Digest digest{};
  std::shared_ptr<const PasswordHash> slow;
};

struct ClientAuthOptions {
  std::string salt;
  StringMap<Credential> users;
  HashOrder order = HashOrder::Any;
  util::TaskPool* hashing = nullptr;  // needed when a user has a slow hash
};

/// Acts on CONNECT only, fails closed. The time it takes depends on the length of the password, not on which of user
/// name and password is wrong. A slow hash makes it pending; when too many wait already, the answer is return code 3.
class ClientAuth final : public pipeline::Filter {
 public:
  static constexpr pipeline::FilterResult kAuthFail = 1;
  static constexpr std::string_view kKind = "MQTTClientAuth";

  /// Throws std::runtime_error when OpenSSL has no SHA-256.
  explicit ClientAuth(ClientAuthOptions options);

  [[nodiscard]] pipeline::FilterResult handle(pipeline::Context& context) noexcept override;
  void replay(pipeline::Context& context, pipeline::FilterResult result) noexcept override;

 private:
  struct Free {
    void operator()(EVP_MD* digest) const noexcept { EVP_MD_free(digest); }
    void operator()(EVP_MD_CTX* state) const noexcept { EVP_MD_CTX_free(state); }
  };

  [[nodiscard]] bool matches_digest(std::string_view password, const Sha256Digest& expected) noexcept;
  [[nodiscard]] pipeline::FilterResult verify_slowly(pipeline::Context& context,
                                                     std::shared_ptr<const PasswordHash> hash, bool may_pass) noexcept;
  static pipeline::FilterResult fail(pipeline::Context& context) noexcept;
  [[nodiscard]] bool equals_hash_of(std::string_view first, std::string_view second,
                                    const Sha256Digest& expected) noexcept;

  ClientAuthOptions options_;
  std::shared_ptr<const PasswordHash> decoy_;  // what an unknown user is compared with where hashes are slow
  std::unique_ptr<EVP_MD, Free> sha256_;       // fetched once: 165 ns per hash instead of 528
  std::unique_ptr<EVP_MD_CTX, Free> state_;    // reused
};

}  // namespace mqttproxy::filters
