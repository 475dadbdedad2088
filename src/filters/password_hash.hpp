// Stored passwords in the PHC string format, computed by OpenSSL:
//   $scrypt$ln=15,r=8,p=1$SALT$HASH          N = 2^ln
//   $pbkdf2-sha256$i=600000$SALT$HASH
// SALT and HASH are base64 without padding.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mqttproxy::filters {

/// Slow on purpose (milliseconds to a second): verify() belongs off the workers.
class PasswordHash {
 public:
  enum class Scheme : std::uint8_t { Scrypt, Pbkdf2Sha256 };

  /// nullopt with `problem` set (never echoing the hash) when `text` is no such string or its cost is out of bounds:
  /// ln 10..20, r 1..32, p 1..16 with at most 256 MiB; i 1,000..10,000,000; salt 8..64 bytes; hash 16..64 bytes.
  [[nodiscard]] static std::optional<PasswordHash> parse(std::string_view text, std::string& problem);

  /// Constant-time compare. Thread: any.
  [[nodiscard]] bool verify(std::string_view password) const;

 private:
  Scheme scheme_ = Scheme::Scrypt;
  std::uint64_t n_ = 0;  // scrypt's N
  std::uint32_t r_ = 0;
  std::uint32_t p_ = 0;
  std::uint32_t iterations_ = 0;
  std::string salt_;
  std::string hash_;
};

}  // namespace mqttproxy::filters
