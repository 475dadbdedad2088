// Reads JWTAuth's keys.
#include "jwt_auth_options.hpp"

#include <array>
#include <utility>

#include "common.hpp"
#include "jwt_auth.hpp"

namespace mqttproxy::filters {

namespace {

using std::chrono::milliseconds;

constexpr std::array<std::string_view, 2> kSources = {"password", "username"};

std::optional<JwtKeys> read_keys(config::Object& object) {
  const auto pem = object.find_set("publicKey");
  const auto jwks = object.find_set("jwks");
  if (pem.has_value() == jwks.has_value()) {
    object.value().error("needs either publicKey (PEM) or jwks (a JSON Web Key Set)");
    return std::nullopt;
  }
  const config::Value& value = pem ? *pem : *jwks;
  const std::optional<std::string> text = value.as_secret();
  if (!text) return std::nullopt;
  std::string problem;
  auto keys = pem ? JwtKeys::from_pem(*text, problem) : JwtKeys::from_jwks(*text, problem);
  if (!keys) value.error(problem);
  return keys;
}

/// Text that must be there when its key is: an empty one would ask for nothing.
std::string read_expected(config::Object& object, std::string_view key) {
  const auto value = object.find(key);
  if (!value) return {};
  std::string text = value->is_null() ? "" : value->as_string().value_or(" ");
  if (text.empty()) value->error("must not be empty: leave it out when it does not matter");
  return text;
}

bool read_in_username(config::Object& object) {
  const auto value = object.find_set("from");
  if (!value || value->as_choice(kSources).value_or("password") == "password") return false;
  if (object.find_set("usernameClaim")) {
    value->error("username leaves no user name that usernameClaim could be compared with");
  } else {
    value->warning("the token is then the user name, for %u, the Kafka filter's header username and the API too");
  }
  return true;
}

}  // namespace

std::unique_ptr<pipeline::Filter> make_jwt_auth(const pipeline::FilterBuild& build) {
  const Reading reading(build.config);
  config::Object object(reading.value());
  ignore_common_keys(object);
  const bool in_username = read_in_username(object);
  std::optional<JwtKeys> keys = read_keys(object);
  ClaimRules claims;
  claims.leeway = object.duration_or("leeway", claims.leeway, milliseconds(0), std::chrono::hours(1));
  claims.issuer = read_expected(object, "issuer");
  claims.audience = read_expected(object, "audience");
  claims.username_claim = read_expected(object, "usernameClaim");
  object.finish();
  if (!reading.publish()) return nullptr;
  return std::make_unique<JwtAuth>(JwtAuthOptions{std::move(*keys), std::move(claims), in_username});
}

}  // namespace mqttproxy::filters
