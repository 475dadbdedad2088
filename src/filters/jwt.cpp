#include "jwt.hpp"

#include <algorithm>
#include <set>

#include <nlohmann/json.hpp>

#include "mqttproxy/util/base64.hpp"

namespace mqttproxy::filters {

namespace {

using Json = nlohmann::json;

/// A JSON object in base64url; nullopt when it is none, or names one of its members twice (RFC 7515 section 4: refuse,
/// for another reader may have seen the other one).
std::optional<Json> parse_object(std::string_view encoded) {
  const std::optional<std::string> text = util::decode_base64url(encoded);
  if (!text) return std::nullopt;
  std::set<std::string> names;
  bool repeated = false;
  const auto note = [&](int depth, Json::parse_event_t event, const Json& parsed) {
    if (depth == 1 && event == Json::parse_event_t::key) {
      repeated |= !names.insert(parsed.get_ref<const std::string&>()).second;
    }
    return true;
  };
  Json object = Json::parse(*text, note, false);
  if (repeated || !object.is_object()) return std::nullopt;
  return object;
}

const std::string* find_text(const Json& object, std::string_view name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? &found->get_ref<const std::string&>() : nullptr;
}

/// A NumericDate (RFC 7519 section 2): seconds since 1970, perhaps with a fraction.
std::optional<double> find_time(const Json& claims, std::string_view name) {
  const auto found = claims.find(name);
  if (found == claims.end() || !found->is_number()) return std::nullopt;
  return found->get<double>();
}

bool is_for(const Json& claims, const std::string& audience) {
  const auto found = claims.find("aud");
  if (found == claims.end()) return false;
  return found->is_array() ? std::ranges::count(*found, Json(audience)) != 0 : *found == audience;
}

}  // namespace

std::optional<Jwt> parse_jwt(std::string_view token, std::string_view& problem) {
  const auto fail = [&problem](std::string_view text) {
    problem = text;
    return std::nullopt;
  };
  if (token.size() > kMaxJwtBytes) return fail("the token is too long");
  const std::size_t first = token.find('.');
  const std::size_t second = token.rfind('.');
  if (first == second || std::ranges::count(token, '.') != 2) return fail("the token has not three parts");
  Jwt jwt;
  jwt.signed_text = token.substr(0, second);
  jwt.encoded_claims = token.substr(first + 1, second - first - 1);
  std::optional<std::string> signature = util::decode_base64url(token.substr(second + 1));
  if (!signature || !util::decode_base64url(jwt.encoded_claims)) return fail("the token is not in base64url");
  jwt.signature = std::move(*signature);

  const std::optional<Json> header = parse_object(token.substr(0, first));
  if (!header) return fail("the token's header is no JSON object with members of different names");
  const std::string* algorithm = find_text(*header, "alg");
  if (algorithm == nullptr || (*algorithm != "RS256" && *algorithm != "ES256")) {
    return fail("the token's algorithm is neither RS256 nor ES256");
  }
  jwt.algorithm = *algorithm == "RS256" ? JwtAlgorithm::Rs256 : JwtAlgorithm::Es256;
  if (header->contains("crit")) return fail("the token has a critical extension");  // RFC 7515 section 4.1.11
  if (header->contains("kid")) {
    const std::string* kid = find_text(*header, "kid");
    if (kid == nullptr) return fail("the token's kid is no text");
    jwt.kid = *kid;
  }
  return jwt;
}

ClaimVerdict check_claims(std::string_view encoded_claims, const ClaimRules& rules,
                          std::optional<std::string_view> username, std::chrono::system_clock::time_point now,
                          std::string_view& problem) {
  const auto answer = [&problem](ClaimVerdict verdict, std::string_view text) {
    problem = text;
    return verdict;
  };
  const std::optional<Json> claims = parse_object(encoded_claims);
  if (!claims)
    return answer(ClaimVerdict::Bad, "the token's claims are no JSON object with members of different names");
  const double seconds = std::chrono::duration<double>(now.time_since_epoch()).count();
  const double leeway = std::chrono::duration<double>(rules.leeway).count();
  const std::optional<double> expiry = find_time(*claims, "exp");
  if (!expiry || seconds >= *expiry + leeway) return answer(ClaimVerdict::Bad, "the token has expired");
  if (claims->contains("nbf")) {
    const std::optional<double> start = find_time(*claims, "nbf");
    if (!start || seconds + leeway < *start) return answer(ClaimVerdict::Bad, "the token is not valid yet");
  }
  const std::string* issuer = find_text(*claims, "iss");
  if (!rules.issuer.empty() && (issuer == nullptr || *issuer != rules.issuer)) {
    return answer(ClaimVerdict::NotAuthorized, "the token is of another issuer");
  }
  if (!rules.audience.empty() && !is_for(*claims, rules.audience)) {
    return answer(ClaimVerdict::NotAuthorized, "the token is for another audience");
  }
  if (!rules.username_claim.empty()) {
    const std::string* user = find_text(*claims, rules.username_claim);
    if (user == nullptr || !username || *user != *username) {
      return answer(ClaimVerdict::NotAuthorized, "the token is of another user");
    }
  }
  return answer(ClaimVerdict::Good, {});
}

}  // namespace mqttproxy::filters
