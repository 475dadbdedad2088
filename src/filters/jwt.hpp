// JSON Web Tokens: the compact form of a signed one (RFC 7515 section 3.1), its header and its claims (RFC 7519). No
// keys here: jwt_keys.hpp. Thread: any.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mqttproxy::filters {

inline constexpr std::size_t kMaxJwtBytes = 8 * 1024;

/// What a token may be signed with. Nothing symmetric: a public key must not become a shared secret.
enum class JwtAlgorithm : std::uint8_t { Rs256, Es256 };

/// A token in its parts. Nothing of it is true before the signature has been verified.
struct Jwt {
  JwtAlgorithm algorithm{};
  std::optional<std::string> kid;   // which key
  std::string_view signed_text;     // "HEADER.CLAIMS", into the token
  std::string_view encoded_claims;  // base64url, into the token
  std::string signature;            // decoded
};

/// nullopt with `problem`, a literal, when it is not three parts of base64url, longer than kMaxJwtBytes, or its header
/// is no JSON object, names a member twice, has another algorithm, or an extension that must be understood (`crit`).
[[nodiscard]] std::optional<Jwt> parse_jwt(std::string_view token, std::string_view& problem);

/// What a token must say. Empty: not asked for.
struct ClaimRules {
  std::string issuer{};          // iss
  std::string audience{};        // aud, or one of its list
  std::string username_claim{};  // the claim that must be the user name
  std::chrono::milliseconds leeway = std::chrono::seconds(30);
};

enum class ClaimVerdict : std::uint8_t {
  Good,
  Bad,            // no claims at all, or not of this time
  NotAuthorized,  // of somebody else, or for somebody else
};

/// `encoded_claims`: of a token whose signature is right. `exp` is required. `problem` is a literal, empty when Good.
[[nodiscard]] ClaimVerdict check_claims(std::string_view encoded_claims, const ClaimRules& rules,
                                        std::optional<std::string_view> username,
                                        std::chrono::system_clock::time_point now, std::string_view& problem);

}  // namespace mqttproxy::filters
