#include "filters/jwt.hpp"

#include <tuple>

#include <gtest/gtest.h>

#include "mqttproxy/util/base64.hpp"

#include "jwt_signer.hpp"

namespace mqttproxy::filters {
namespace {

using test::encode_base64url;
using util::decode_base64url;

TEST(Base64Url, DecodesRfc4648) {
  const std::tuple<const char*, const char*> cases[] = {
      {"", ""},           {"Zg", "f"},          {"Zm8", "fo"},          {"Zm9v", "foo"},
      {"Zm9vYg", "foob"}, {"Zm9vYmE", "fooba"}, {"Zm9vYmFy", "foobar"}, {"-_8", "\xFB\xFF"},
  };
  for (const auto& [text, bytes] : cases) EXPECT_EQ(decode_base64url(text), bytes) << text;
  EXPECT_EQ(decode_base64url("AAAA"), std::string(3, '\0'));
}

TEST(Base64Url, RefusesEverythingElse) {
  for (const std::string_view bad :
       {"Z", "Zm9vY", "Zg==", "Zg=", "Zm9+", "Zm9/", " Zg", "Zg\n", "Zg Zg", "Zh", "Zm9", "\x80\x80"}) {
    EXPECT_FALSE(decode_base64url(bad).has_value()) << bad;
  }
  EXPECT_FALSE(decode_base64url(std::string_view("Zg\0", 3)).has_value());
}

std::string token(std::string_view header, std::string_view claims = "{}", std::string_view signature = "s") {
  return encode_base64url(header) + '.' + encode_base64url(claims) + '.' + encode_base64url(signature);
}

std::string_view problem_of(std::string_view text) {
  std::string_view problem;
  EXPECT_FALSE(parse_jwt(text, problem).has_value()) << text;
  return problem;
}

TEST(ParseJwt, TakesATokenApart) {
  const std::string text = token(R"({"typ":"JWT","alg":"ES256","kid":"key 1"})", R"({"sub":"x"})", "signature");
  std::string_view problem;
  const auto jwt = parse_jwt(text, problem);
  ASSERT_TRUE(jwt.has_value()) << problem;
  EXPECT_EQ(jwt->algorithm, JwtAlgorithm::Es256);
  EXPECT_EQ(jwt->kid, "key 1");
  EXPECT_EQ(jwt->signed_text, text.substr(0, text.rfind('.')));
  EXPECT_EQ(jwt->encoded_claims, encode_base64url(R"({"sub":"x"})"));
  EXPECT_EQ(jwt->signature, "signature");
  const std::string without = token(R"({"alg":"RS256"})");
  const auto second = parse_jwt(without, problem);
  ASSERT_TRUE(second.has_value());
  EXPECT_EQ(second->algorithm, JwtAlgorithm::Rs256);
  EXPECT_FALSE(second->kid.has_value());
}

TEST(ParseJwt, RefusesOtherForms) {
  for (const std::string_view bad : {"", ".", "..", "a", "a.b", "a.b.c.d", "a.b.c.d.e"}) EXPECT_NE(problem_of(bad), "");
  const std::string good = token(R"({"alg":"RS256"})");
  EXPECT_EQ(problem_of(good + "="), "the token is not in base64url");
  EXPECT_EQ(problem_of(good + "\n"), "the token is not in base64url");
  EXPECT_EQ(problem_of(' ' + good), "the token's header is no JSON object with members of different names");
  EXPECT_EQ(problem_of(good + ".x"), "the token has not three parts");
}

TEST(ParseJwt, RefusesOtherAlgorithms) {
  for (const char* header :
       {R"({"alg":"none"})", R"({"alg":"None"})", R"({"alg":"HS256"})", R"({"alg":"HS512"})", R"({"alg":"RS512"})",
        R"({"alg":"PS256"})", R"({"alg":"ES384"})", R"({"alg":"rs256"})", R"({"alg":"EdDSA"})", R"({"alg":""})",
        R"({"alg":256})", R"({"alg":null})", R"({"alg":["RS256"]})", R"({"typ":"JWT"})", "{}"}) {
    EXPECT_EQ(problem_of(token(header)), "the token's algorithm is neither RS256 nor ES256") << header;
  }
}

TEST(ParseJwt, RefusesOtherHeaders) {
  for (const char* header : {"", "null", "[]", R"("RS256")", R"({"alg":"RS256")", R"({"alg":"RS256"}})",
                             R"({"alg":"RS256","alg":"RS256"})", R"({"alg":"none","alg":"RS256"})",
                             R"({"alg":"RS256","\u0061lg":"none"})", "{\"alg\":\"RS256\",\"kid\":\"\xff\"}"}) {
    EXPECT_EQ(problem_of(token(header)), "the token's header is no JSON object with members of different names")
        << header;
  }
  EXPECT_EQ(problem_of(token(R"({"alg":"RS256","crit":["exp"]})")), "the token has a critical extension");
  EXPECT_EQ(problem_of(token(R"({"alg":"RS256","kid":1})")), "the token's kid is no text");
  std::string_view problem;
  EXPECT_TRUE(parse_jwt(token(R"({"alg":"RS256","x":{"alg":1,"y":{"y":[]}},"y":2})"), problem).has_value())
      << "names may come again in another object";
}

TEST(ParseJwt, RefusesLongTokens) {
  const std::string empty = token(R"({"alg":"RS256"})", "");
  const std::string longest = std::string(kMaxJwtBytes - empty.size(), 'A');
  const std::size_t end_of_claims = empty.rfind('.');
  std::string text = empty;
  text.insert(end_of_claims, longest.substr(0, longest.size() / 4 * 4));
  std::string_view problem;
  EXPECT_TRUE(parse_jwt(text, problem).has_value()) << problem;
  EXPECT_EQ(problem_of(text + "AAAA"), "the token is too long");
}

constexpr std::int64_t kNow = 1'800'000'000;

struct ClaimCase {
  const char* claims;
  ClaimVerdict verdict;
};

void expect_claims(const ClaimRules& rules, std::initializer_list<ClaimCase> cases,
                   std::optional<std::string_view> username = "anna") {
  for (const auto& [claims, verdict] : cases) {
    std::string_view problem;
    const auto now = std::chrono::system_clock::time_point(std::chrono::seconds(kNow));
    EXPECT_EQ(check_claims(encode_base64url(claims), rules, username, now, problem), verdict) << claims;
    EXPECT_EQ(problem.empty(), verdict == ClaimVerdict::Good) << claims;
  }
}

using enum ClaimVerdict;

TEST(CheckClaims, TimesWithLeeway) {
  expect_claims({}, {
                        {R"({"exp":1800000001})", Good},
                        {R"({"exp":1799999971})", Good},
                        {R"({"exp":1799999970})", Bad},
                        {R"({"exp":1799999970.5})", Good},
                        {R"({"exp":1e10})", Good},
                        {R"({"exp":1800000001,"nbf":1800000000})", Good},
                        {R"({"exp":1900000000,"nbf":1800000030})", Good},
                        {R"({"exp":1900000000,"nbf":1800000031})", Bad},
                        {R"({"exp":18446744073709551615})", Good},
                    });
  expect_claims({.leeway = std::chrono::seconds(0)}, {
                                                         {R"({"exp":1800000001})", Good},
                                                         {R"({"exp":1800000000})", Bad},
                                                         {R"({"exp":1800000001,"nbf":1800000001})", Bad},
                                                     });
}

TEST(CheckClaims, ATokenWithoutAnEndIsRefused) {
  expect_claims({}, {
                        {"{}", Bad},
                        {R"({"exp":null})", Bad},
                        {R"({"exp":"1900000000"})", Bad},
                        {R"({"exp":-1})", Bad},
                        {R"({"exp":true})", Bad},
                        {R"({"exp":1e999})", Bad},
                        {R"({"exp":1900000000,"nbf":"0"})", Bad},
                        {R"({"exp":1900000000,"nbf":null})", Bad},
                        {R"({"exp":1900000000,"exp":1900000000})", Bad},
                        {R"({"exp":1900000000)", Bad},
                        {R"([{"exp":1900000000}])", Bad},
                        {"", Bad},
                    });
}

TEST(CheckClaims, Issuer) {
  expect_claims({.issuer = "us"}, {
                                      {R"({"exp":1900000000,"iss":"us"})", Good},
                                      {R"({"exp":1900000000,"iss":"US"})", NotAuthorized},
                                      {R"({"exp":1900000000,"iss":["us"]})", NotAuthorized},
                                      {R"({"exp":1900000000})", NotAuthorized},
                                      {R"({"exp":1,"iss":"them"})", Bad},
                                  });
}

TEST(CheckClaims, Audience) {
  expect_claims({.audience = "mqtt"}, {
                                          {R"({"exp":1900000000,"aud":"mqtt"})", Good},
                                          {R"({"exp":1900000000,"aud":["http","mqtt"]})", Good},
                                          {R"({"exp":1900000000,"aud":["http"]})", NotAuthorized},
                                          {R"({"exp":1900000000,"aud":[]})", NotAuthorized},
                                          {R"({"exp":1900000000,"aud":{"mqtt":"mqtt"}})", NotAuthorized},
                                          {R"({"exp":1900000000,"aud":"mqtt2"})", NotAuthorized},
                                          {R"({"exp":1900000000})", NotAuthorized},
                                      });
}

TEST(CheckClaims, UserName) {
  const ClaimRules rules{.username_claim = "sub"};
  expect_claims(rules, {
                           {R"({"exp":1900000000,"sub":"anna"})", Good},
                           {R"({"exp":1900000000,"sub":"otto"})", NotAuthorized},
                           {R"({"exp":1900000000,"sub":""})", NotAuthorized},
                           {R"({"exp":1900000000,"sub":["anna"]})", NotAuthorized},
                           {R"({"exp":1900000000,"name":"anna"})", NotAuthorized},
                       });
  expect_claims(rules, {{R"({"exp":1900000000,"sub":"anna"})", NotAuthorized}}, std::nullopt);
  expect_claims(rules, {{R"({"exp":1900000000,"sub":"anna"})", NotAuthorized}}, "");
}

}  // namespace
}  // namespace mqttproxy::filters
