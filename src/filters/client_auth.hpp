// MQTTClientAuth: user name and password of CONNECT against salted SHA-256 hashes.
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

#include "string_map.hpp"

namespace mqttproxy::filters {

using Sha256Digest = std::array<std::uint8_t, 32>;

/// 64 hexadecimal digits of either case; nullopt for anything else.
[[nodiscard]] std::optional<Sha256Digest> parse_sha256_hex(std::string_view hex) noexcept;

/// Which concatenation was hashed. Easegress' code hashes password‖salt, its documented example is salt‖password.
enum class HashOrder : std::uint8_t { Any, PasswordSalt, SaltPassword };

struct ClientAuthOptions {
  std::string salt;
  StringMap<Sha256Digest> users;
  HashOrder order = HashOrder::Any;
};

/// Acts on CONNECT only, fails closed. The time it takes depends on the length of the password, not on which of user
/// name and password is wrong.
class ClientAuth final : public pipeline::Filter {
 public:
  static constexpr pipeline::FilterResult kAuthFail = 1;

  /// Throws std::runtime_error when OpenSSL has no SHA-256.
  explicit ClientAuth(ClientAuthOptions options);

  [[nodiscard]] pipeline::FilterResult handle(pipeline::Context& context) noexcept override;

  /// nullptr after errors.
  static std::unique_ptr<pipeline::Filter> make(const pipeline::FilterBuild& build);

 private:
  struct Free {
    void operator()(EVP_MD* digest) const noexcept { EVP_MD_free(digest); }
    void operator()(EVP_MD_CTX* state) const noexcept { EVP_MD_CTX_free(state); }
  };

  [[nodiscard]] bool authenticate(const mqtt::Connect& packet) noexcept;
  [[nodiscard]] bool equals_hash_of(std::string_view first, std::string_view second,
                                    const Sha256Digest& expected) noexcept;

  ClientAuthOptions options_;
  std::unique_ptr<EVP_MD, Free> sha256_;     // fetched once: 165 ns per hash instead of 528
  std::unique_ptr<EVP_MD_CTX, Free> state_;  // reused
};

}  // namespace mqttproxy::filters
