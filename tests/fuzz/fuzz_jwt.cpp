// The input is a token, as a device sends it before anybody knows who it is, and the claims of one. Whatever is taken
// apart can be put together again, and is what a plain JSON parser finds in it.
#include <cstdint>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "mqttproxy/util/base64.hpp"

#include "filters/jwt.hpp"
#include "require.hpp"

namespace {

using mqttproxy::fuzz::require;
using namespace mqttproxy::filters;
using mqttproxy::util::decode_base64url;

std::string encode(std::string_view bytes) {
  constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string text;
  std::uint32_t bits = 0;
  unsigned pending = 0;
  for (const char c : bytes) {
    bits = bits << 8U | static_cast<std::uint8_t>(c);
    for (pending += 8; pending >= 6; pending -= 6) text += kAlphabet[bits >> (pending - 6) & 63U];
  }
  if (pending != 0) text += kAlphabet[bits << (6 - pending) & 63U];
  return text;
}

void check_token(std::string_view token) {
  std::string_view problem;
  const auto jwt = parse_jwt(token, problem);
  require(jwt.has_value() == problem.empty(), "a token, or what is wrong with it");
  if (!jwt) return;
  require(token.size() <= kMaxJwtBytes, "tokens have a limit");
  require(std::string(jwt->signed_text) + '.' + encode(jwt->signature) == token, "all of the token has been read");
  const std::string_view encoded_header = jwt->signed_text.substr(0, jwt->signed_text.find('.'));
  require(std::string(encoded_header) + '.' + std::string(jwt->encoded_claims) == jwt->signed_text, "two parts signed");
  const auto header = nlohmann::json::parse(decode_base64url(encoded_header).value(), nullptr, false);
  require(header.is_object() && !header.contains("crit"), "headers are plain objects");
  require(header["alg"] == (jwt->algorithm == JwtAlgorithm::Rs256 ? "RS256" : "ES256"),
          "the algorithm is the named one");
  require(header.contains("kid") == jwt->kid.has_value(), "a kid where there is one");
  if (jwt->kid) require(header["kid"] == *jwt->kid, "the kid is the named one");
}

void check_claims_of(std::string_view text) {
  const ClaimRules rules{.issuer = "us", .audience = "mqtt", .username_claim = "sub"};
  const auto now = std::chrono::system_clock::time_point(std::chrono::seconds(1'800'000'000));
  std::string_view problem;
  const ClaimVerdict verdict = check_claims(encode(text), rules, "anna", now, problem);
  require((verdict == ClaimVerdict::Good) == problem.empty(), "good, or what is wrong");
  if (verdict == ClaimVerdict::Bad) return;
  const auto claims = nlohmann::json::parse(text, nullptr, false);
  require(claims.is_object() && claims["exp"].get<double>() > 1'799'999'970, "it has not expired");
  if (verdict == ClaimVerdict::NotAuthorized) return;
  require(claims["iss"] == "us" && claims["sub"] == "anna", "it is ours");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  require(decode_base64url(encode(input)) == input, "what is encoded can be decoded");
  if (const auto bytes = decode_base64url(input))
    require(encode(*bytes) == input, "one text for each sequence of bytes");
  check_token(input);
  check_claims_of(input);
  // As a header, so that the JSON is found without the base64 around it.
  check_token(encode(input) + ".e30.c2ln");
  return 0;
}
