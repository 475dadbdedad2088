#include "filters/jwt_auth.hpp"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "config_case.hpp"
#include "filter_bench.hpp"
#include "jwt_signer.hpp"

namespace mqttproxy::filters {
namespace {

using mqtt::ConnectReturnCode;
using pipeline::Action;
using test::ec_signer;
using test::rsa_signer;

constexpr const char* kEs256 = R"({"alg":"ES256"})";
constexpr std::int64_t kNow = 1'800'000'000;

std::chrono::system_clock::time_point now() {
  return std::chrono::system_clock::time_point(std::chrono::seconds(kNow));
}

class JwtAuthTest : public testing::Test {
 protected:
  void load(ClaimRules claims = {}, bool in_username = false) {
    std::string problem;
    auto keys = JwtKeys::from_pem(ec_signer().public_pem(), problem);
    ASSERT_TRUE(keys.has_value()) << problem;
    filter_.emplace(JwtAuthOptions{std::move(*keys), std::move(claims), in_username}, &now);
  }
  /// CONNACK's return code.
  ConnectReturnCode connect(std::optional<std::string_view> username, std::optional<std::string_view> password) {
    const mqtt::Connect packet{.client_id = "c", .username = username, .password = password};
    context_.begin(mqtt::PacketType::Connect, {"c", username, "192.0.2.1:50123", "proxy"});
    context_.connect = &packet;
    const pipeline::FilterResult result = filter_->handle(context_);
    EXPECT_EQ(result == pipeline::kSuccess, context_.action() == Action::None);
    return result == pipeline::kSuccess ? ConnectReturnCode::Accepted : context_.return_code();
  }

  std::optional<JwtAuth> filter_;
  pipeline::Context context_;
};

std::string signed_token(std::string_view claims = R"({"exp":1800000100,"sub":"anna"})") {
  return ec_signer().sign(kEs256, claims);
}

TEST_F(JwtAuthTest, AGoodTokenPasses) {
  load();
  EXPECT_EQ(connect("anna", signed_token()), ConnectReturnCode::Accepted);
  EXPECT_EQ(connect(std::nullopt, signed_token()), ConnectReturnCode::Accepted);
}

TEST_F(JwtAuthTest, ABadTokenIsABadPassword) {
  load();
  std::string changed = signed_token();
  changed[changed.find('.') + 5] ^= 1;
  const std::string unsigned_token = signed_token().substr(0, signed_token().rfind('.') + 1);
  const std::string of_another = test::JwtSigner::ec().sign(kEs256, R"({"exp":1800000100})");
  const std::string expired = signed_token(R"({"exp":1799999970})");
  for (const std::string& bad : {std::string(), std::string("password"), changed, unsigned_token, of_another, expired,
                                 signed_token("{}"), signed_token() + ".", std::string(9'000, 'a')}) {
    EXPECT_EQ(connect("anna", bad), ConnectReturnCode::BadUserNameOrPassword) << bad;
    EXPECT_FALSE(context_.reason().empty());
  }
  EXPECT_EQ(connect("anna", std::nullopt), ConnectReturnCode::BadUserNameOrPassword);
  EXPECT_EQ(connect(signed_token(), "anna"), ConnectReturnCode::BadUserNameOrPassword) << "the user name is no token";
}

TEST_F(JwtAuthTest, ThePublicKeyIsNoSharedSecret) {
  load();
  // What a library signs that takes the key's text for a secret; here it fails before anything is computed.
  const std::string token = ec_signer().sign(R"({"alg":"HS256"})", R"({"exp":1800000100})");
  EXPECT_EQ(connect("anna", token), ConnectReturnCode::BadUserNameOrPassword);
  EXPECT_EQ(context_.reason(), "the token's algorithm is neither RS256 nor ES256");
}

TEST_F(JwtAuthTest, AGoodTokenOfSomebodyElseIsNotAuthorized) {
  load({.issuer = "us", .audience = "mqtt", .username_claim = "sub"});
  const std::string mine = signed_token(R"({"exp":1800000100,"iss":"us","aud":"mqtt","sub":"anna"})");
  EXPECT_EQ(connect("anna", mine), ConnectReturnCode::Accepted);
  EXPECT_EQ(connect("otto", mine), ConnectReturnCode::NotAuthorized);
  EXPECT_EQ(context_.reason(), "the token is of another user");
  EXPECT_EQ(connect(std::nullopt, mine), ConnectReturnCode::NotAuthorized);
  EXPECT_EQ(connect("anna", signed_token(R"({"exp":1800000100,"aud":"mqtt","sub":"anna"})")),
            ConnectReturnCode::NotAuthorized);
  EXPECT_EQ(connect("anna", signed_token(R"({"exp":1800000100,"iss":"us","sub":"anna"})")),
            ConnectReturnCode::NotAuthorized);
}

TEST_F(JwtAuthTest, TheTokenCanBeTheUserName) {
  load({}, true);
  EXPECT_EQ(connect(signed_token(), std::nullopt), ConnectReturnCode::Accepted);
  EXPECT_EQ(connect(signed_token(), "whatever"), ConnectReturnCode::Accepted);
  EXPECT_EQ(connect("anna", signed_token()), ConnectReturnCode::BadUserNameOrPassword);
}

TEST_F(JwtAuthTest, OtherPacketsPassAndConnectWithoutItsPacketDoesNot) {
  load();
  context_.begin(mqtt::PacketType::Publish, {"c", {}, "192.0.2.1:50123", "proxy"});
  EXPECT_EQ(filter_->handle(context_), pipeline::kSuccess);
  context_.begin(mqtt::PacketType::Connect, {"c", {}, "192.0.2.1:50123", "proxy"});
  EXPECT_EQ(filter_->handle(context_), JwtAuth::kAuthFail);
  EXPECT_EQ(context_.action(), Action::Refuse);
}

/// Keys in files beside the configuration.
class JwtAuthConfig : public testing::Test {
 protected:
  void SetUp() override {
    path_ = std::filesystem::path(testing::TempDir()) /
            ("key-" + std::string(testing::UnitTest::GetInstance()->current_test_info()->name()));
  }
  void TearDown() override { std::filesystem::remove(path_); }
  bool load(const std::string& content, const std::string& keys) {
    std::ofstream(path_) << content;
    return bench_.load("filters:\n- {name: jwt, kind: JWTAuth, " + keys + ": 'file:" + path_.string() + "'}\n");
  }
  Action connect(std::string_view token) {
    const mqtt::Connect packet{.client_id = "c", .username = "anna", .password = token};
    bench_.begin(mqtt::PacketType::Connect);
    bench_.context.connect = &packet;
    EXPECT_EQ(bench_.pipeline->run(bench_.context), pipeline::RunState::Finished);
    return bench_.context.action();
  }

  std::filesystem::path path_;
  test::FilterBench bench_;
};

TEST_F(JwtAuthConfig, KeysComeFromFiles) {
  const std::string claims = R"({"exp":32503680000})";
  ASSERT_TRUE(load(rsa_signer().public_pem(), "leeway: 1m, publicKey")) << bench_.document.errors();
  EXPECT_EQ(connect(rsa_signer().sign(R"({"alg":"RS256"})", claims)), Action::None);
  EXPECT_EQ(connect(ec_signer().sign(kEs256, claims)), Action::Refuse);
  ASSERT_TRUE(load(R"({"keys":[{)" + ec_signer().jwk() + "}]}\n", "issuer: us, jwks")) << bench_.document.errors();
  EXPECT_EQ(connect(ec_signer().sign(kEs256, R"({"exp":32503680000,"iss":"us"})")), Action::None);
  EXPECT_EQ(connect(ec_signer().sign(kEs256, claims)), Action::Refuse);
  EXPECT_EQ(bench_.context.return_code(), ConnectReturnCode::NotAuthorized);
}

TEST_F(JwtAuthConfig, KeysAreNotRepeatedInErrors) {
  EXPECT_FALSE(load("S3CRET", "publicKey"));
  EXPECT_FALSE(load("S3CRET", "jwks"));
  EXPECT_EQ(bench_.document.errors().find("S3CRET"), std::string::npos);
}

class JwtAuthErrors : public testing::TestWithParam<test::ConfigCase> {};
TEST_P(JwtAuthErrors, AreReportedWithPlace) {
  test::expect_errors(GetParam());
}

const test::ConfigCase kErrors[] = {
    {"NoKey", "filters:\n- name: jwt\n  kind: JWTAuth\n",
     "test.yaml:2:3: Pipeline p: filters[0]: needs either publicKey (PEM) or jwks (a JSON Web Key Set)\n"},
    {"TwoKeys", "filters:\n- name: jwt\n  kind: JWTAuth\n  publicKey: x\n  jwks: x\n",
     "test.yaml:2:3: Pipeline p: filters[0]: needs either publicKey (PEM) or jwks (a JSON Web Key Set)\n"},
    {"BadPem", "filters:\n- name: jwt\n  kind: JWTAuth\n  publicKey: x\n",
     "test.yaml:4:3: Pipeline p: filters[0].publicKey: no public key in PEM: -----BEGIN PUBLIC KEY----- …\n"},
    {"BadKeySet", "filters:\n- name: jwt\n  kind: JWTAuth\n  jwks: '{\"keys\":[]}'\n",
     "test.yaml:4:3: Pipeline p: filters[0].jwks: has no key for RS256 or ES256\n"},
    {"Values", R"(filters:
- name: jwt
  kind: JWTAuth
  from: token
  leeway: 2h
  issuer: ""
  audience:
  usernameClaim: [sub]
  jwks: x
)",
     "test.yaml:4:3: Pipeline p: filters[0].from: expected one of password, username, found \"token\"\n"
     "test.yaml:5:3: Pipeline p: filters[0].leeway: expected a time from 0 to 1h (seconds, or with ms, s, m, h), "
     "found "
     "\"2h\"\n"
     "test.yaml:6:3: Pipeline p: filters[0].issuer: must not be empty: leave it out when it does not matter\n"
     "test.yaml:7:3: Pipeline p: filters[0].audience: must not be empty: leave it out when it does not matter\n"
     "test.yaml:8:3: Pipeline p: filters[0].usernameClaim: expected text, found a list\n"
     "test.yaml:9:3: Pipeline p: filters[0].jwks: no JSON Web Key Set: {\"keys\": [...]}\n"},
    {"NothingToCompareWith",
     "filters:\n- name: jwt\n  kind: JWTAuth\n  from: username\n  usernameClaim: sub\n  jwks: x\n",
     "test.yaml:4:3: Pipeline p: filters[0].from: username leaves no user name that usernameClaim could be compared "
     "with\n"
     "test.yaml:6:3: Pipeline p: filters[0].jwks: no JSON Web Key Set: {\"keys\": [...]}\n"},
    {"UnknownKey", "filters:\n- name: jwt\n  kind: JWTAuth\n  jwks: x\n  jwksUrl: x\n",
     "test.yaml:4:3: Pipeline p: filters[0].jwks: no JSON Web Key Set: {\"keys\": [...]}\n"
     "test.yaml:5:3: Pipeline p: filters[0].jwksUrl: unknown key; allowed here: from, publicKey, jwks, leeway, issuer, "
     "audience, usernameClaim\n"},
};
INSTANTIATE_TEST_SUITE_P(All, JwtAuthErrors, testing::ValuesIn(kErrors), test::case_name);

TEST_F(JwtAuthConfig, ATokenAsUserNameIsAWarning) {
  ASSERT_TRUE(load(ec_signer().public_pem(), "from: username, publicKey")) << bench_.document.errors();
  EXPECT_EQ(bench_.document.warnings(),
            "test.yaml:2:30: Pipeline p: filters[0].from: the token is then the user name, for %u, the Kafka filter's "
            "header username and the API too\n");
}

}  // namespace
}  // namespace mqttproxy::filters
