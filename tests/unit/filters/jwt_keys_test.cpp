#include "filters/jwt_keys.hpp"

#include <stdexcept>

#include <gtest/gtest.h>
#include <openssl/err.h>

#include "jwt_signer.hpp"

namespace mqttproxy::filters {
namespace {

using test::ec_signer;
using test::JwtSigner;
using test::rsa_signer;

constexpr const char* kRs256 = R"({"alg":"RS256"})";
constexpr const char* kEs256 = R"({"alg":"ES256"})";

bool verifies(JwtKeys& keys, std::string_view token) {
  std::string_view problem;
  const auto jwt = parse_jwt(token, problem);
  EXPECT_TRUE(jwt.has_value()) << problem;
  const bool good = jwt && keys.verify(*jwt);
  EXPECT_EQ(ERR_peek_error(), 0U) << "nothing is left for the next user of OpenSSL";
  return good;
}

JwtKeys from_pem(const std::string& pem) {
  std::string problem;
  auto keys = JwtKeys::from_pem(pem, problem);
  if (!keys) throw std::runtime_error(problem);
  return std::move(*keys);
}

JwtKeys from_jwks(const std::string& keys_json) {
  std::string problem;
  auto keys = JwtKeys::from_jwks(R"({"keys":[)" + keys_json + "]}", problem);
  if (!keys) throw std::runtime_error(problem);
  return std::move(*keys);
}

std::string jwks_problem(const std::string& json) {
  std::string problem;
  EXPECT_FALSE(JwtKeys::from_jwks(json, problem).has_value()) << json;
  EXPECT_EQ(ERR_peek_error(), 0U);
  return problem;
}

// RFC 7515, appendices A.2 and A.3.
const std::string kRfcClaims =
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
const std::string kRfcRsaSignature =
    "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdb"
    "F9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383"
    "LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWy"
    "wlVmtVrBp0igcN_IoypGlUPQGe77Rw";
const std::string kRfcRsaModulus =
    "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SF"
    "d2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo"
    "7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkM"
    "Ls91kzk2PAcDTW9gb54h4FRWyuXpoQ";
const std::string kRfcRs256 = "eyJhbGciOiJSUzI1NiJ9." + kRfcClaims + "." + kRfcRsaSignature;
const std::string kRfcRsaKey = R"({"kty":"RSA","e":"AQAB","n":")" + kRfcRsaModulus + R"("})";
const std::string kRfcEs256 = "eyJhbGciOiJFUzI1NiJ9." + kRfcClaims +
                              ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
const std::string kRfcEcKey = R"({"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",)"
                              R"("y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"})";

TEST(JwtKeys, VerifiesTheExamplesOfRfc7515) {
  JwtKeys rsa = from_jwks(kRfcRsaKey);
  EXPECT_TRUE(verifies(rsa, kRfcRs256));
  EXPECT_FALSE(verifies(rsa, kRfcEs256)) << "algorithm and key differ";
  JwtKeys ec = from_jwks(kRfcEcKey);
  EXPECT_TRUE(verifies(ec, kRfcEs256));
  EXPECT_FALSE(verifies(ec, kRfcRs256)) << "algorithm and key differ";
}

TEST(JwtKeys, VerifiesAgainAndAgainAlsoAfterFailures) {
  for (const JwtSigner* signer : {&rsa_signer(), &ec_signer()}) {
    JwtKeys keys = from_pem(signer->public_pem());
    const char* header = signer == &rsa_signer() ? kRs256 : kEs256;
    const std::string good = signer->sign(header, R"({"a":1})");
    const std::string other = signer->sign(header, R"({"a":2})");
    const std::string forged = other.substr(0, other.rfind('.')) + good.substr(good.rfind('.'));
    for (int round = 0; round < 3; ++round) {
      EXPECT_TRUE(verifies(keys, good));
      EXPECT_FALSE(verifies(keys, forged));
      EXPECT_TRUE(verifies(keys, other));
    }
  }
}

TEST(JwtKeys, EverySignatureOfAnotherFormIsRefused) {
  for (const JwtSigner* signer : {&rsa_signer(), &ec_signer()}) {
    JwtKeys keys = from_pem(signer->public_pem());
    const std::string good = signer->sign(signer == &rsa_signer() ? kRs256 : kEs256, "{}");
    const std::string text = good.substr(0, good.rfind('.') + 1);
    for (const std::size_t size : {0U, 1U, 63U, 64U, 65U, 70U, 72U, 128U, 255U, 256U, 257U, 512U}) {
      for (const char fill : {'\0', '\1', '\xFF'}) {
        EXPECT_FALSE(verifies(keys, text + test::encode_base64url(std::string(size, fill)))) << size;
      }
    }
  }
}

TEST(JwtKeys, AnotherKeyVerifiesNothing) {
  JwtKeys rsa = from_pem(JwtSigner::rsa().public_pem());
  EXPECT_FALSE(verifies(rsa, rsa_signer().sign(kRs256, "{}")));
  JwtKeys ec = from_pem(JwtSigner::ec().public_pem());
  EXPECT_FALSE(verifies(ec, ec_signer().sign(kEs256, "{}")));
}

TEST(JwtKeys, APemKeyIsForEveryKid) {
  JwtKeys keys = from_pem(ec_signer().public_pem());
  EXPECT_TRUE(verifies(keys, ec_signer().sign(R"({"alg":"ES256","kid":"any"})", "{}")));
  const std::string pem = ec_signer().public_pem();
  JwtKeys without_line_break = from_pem(pem.substr(0, pem.size() - 1));
  EXPECT_TRUE(verifies(without_line_break, ec_signer().sign(kEs256, "{}"))) << "as file: gives it";
}

TEST(JwtKeys, TheKidSelects) {
  const JwtSigner other = JwtSigner::ec();
  JwtKeys keys = from_jwks("{" + ec_signer().jwk() + R"(,"kid":"a","use":"sig","alg":"ES256"},{)" + other.jwk() +
                           R"(,"kid":"b"},{)" + rsa_signer().jwk() + R"(,"kid":"r"})");
  EXPECT_TRUE(verifies(keys, ec_signer().sign(R"({"alg":"ES256","kid":"a"})", "{}")));
  EXPECT_TRUE(verifies(keys, other.sign(R"({"alg":"ES256","kid":"b"})", "{}")));
  EXPECT_TRUE(verifies(keys, rsa_signer().sign(R"({"alg":"RS256","kid":"r"})", "{}")));
  EXPECT_FALSE(verifies(keys, ec_signer().sign(R"({"alg":"ES256","kid":"b"})", "{}")));
  EXPECT_FALSE(verifies(keys, ec_signer().sign(R"({"alg":"ES256","kid":"r"})", "{}")));
  EXPECT_FALSE(verifies(keys, ec_signer().sign(R"({"alg":"ES256","kid":"A"})", "{}"))) << "unknown";
  EXPECT_FALSE(verifies(keys, ec_signer().sign(kEs256, "{}"))) << "which one?";
}

TEST(JwtKeys, WithoutAKidTheOnlyKeyIsMeant) {
  JwtKeys keys = from_jwks("{" + ec_signer().jwk() + R"(,"kid":"a"})");
  EXPECT_TRUE(verifies(keys, ec_signer().sign(kEs256, "{}")));
  EXPECT_FALSE(verifies(keys, ec_signer().sign(R"({"alg":"ES256","kid":"b"})", "{}")));
}

TEST(JwtKeys, KeysForSomethingElseAreSkipped) {
  const std::string ours = "{" + ec_signer().jwk() + "}";
  JwtKeys keys =
      from_jwks(R"({"kty":"OKP","crv":"Ed25519","x":"AA"},{"kty":"oct","k":"AA"},{"kty":"EC","crv":"P-384"},)"
                R"({"kty":"RSA","use":"enc"},{"kty":"RSA","alg":"RS512"},{},)" +
                ours);
  EXPECT_TRUE(verifies(keys, ec_signer().sign(kEs256, "{}")));
}

TEST(JwtKeys, WhatIsNoKeySetIsRefused) {
  const std::string ours = "{" + ec_signer().jwk() + R"(,"kid":"a"})";
  for (const char* bad : {"", "x", "[]", "{}", R"({"keys":{}})", R"({"keys":null})"}) {
    EXPECT_EQ(jwks_problem(bad), R"(no JSON Web Key Set: {"keys": [...]})");
  }
  EXPECT_EQ(jwks_problem(R"({"keys":[]})"), "has no key for RS256 or ES256");
  EXPECT_EQ(jwks_problem(R"({"keys":[1]})"), "keys[0]: is no JSON object");
  EXPECT_EQ(jwks_problem(R"({"keys":[)" + ours + "," + ours + "]}"), "keys[1]: has the kid of another key");
  EXPECT_EQ(jwks_problem(R"({"keys":[{)" + ec_signer().jwk() + R"(,"kid":1}]})"), "keys[0]: has a kid that is no text");
  EXPECT_EQ(jwks_problem(R"({"keys":[{)" + ec_signer().jwk() + R"(,"d":"AA"}]})"),
            "keys[0]: is a private key: only the public one belongs here");
}

TEST(JwtKeys, BrokenKeysAreRefused) {
  for (const char* bad : {R"({"kty":"RSA"})", R"({"kty":"RSA","n":"AQAB"})", R"({"kty":"RSA","n":"+","e":"AQAB"})",
                          R"({"kty":"EC","crv":"P-256"})", R"({"kty":"EC","crv":"P-256","x":"AA","y":"AA"})",
                          // not on the curve
                          R"({"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",)"
                          R"("y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a1"})",
                          R"({"kty":"EC","crv":"P-256","x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",)"
                          R"("y":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"})"}) {
    EXPECT_EQ(jwks_problem(R"({"keys":[)" + std::string(bad) + "]}"), "keys[0]: is no valid key") << bad;
  }
}

TEST(JwtKeys, WeakAndForeignKeysAreRefused) {
  constexpr const char* kWanted = "must be an RSA key of 2048 to 4096 bits (RS256) or one on the curve P-256 (ES256)";
  for (const JwtSigner& signer : {JwtSigner::rsa(1'024), JwtSigner::ec("P-384"), JwtSigner::ec("secp256k1")}) {
    std::string problem;
    EXPECT_FALSE(JwtKeys::from_pem(signer.public_pem(), problem).has_value());
    EXPECT_EQ(problem, kWanted);
  }
  EXPECT_EQ(jwks_problem(R"({"keys":[{)" + JwtSigner::rsa(1'024).jwk() + "}]}"), std::string("keys[0]: ") + kWanted);
  const std::string slow = test::encode_base64url(std::string(513, '\xFF'));
  EXPECT_EQ(jwks_problem(R"({"keys":[{"kty":"RSA","e":"AQAB","n":")" + slow + "\"}]}"),
            std::string("keys[0]: ") + kWanted);
}

TEST(JwtKeys, WhatIsNoPublicKeyIsRefused) {
  for (const char* bad : {"", "x", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
                          "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"}) {
    std::string problem;
    EXPECT_FALSE(JwtKeys::from_pem(bad, problem).has_value());
    EXPECT_EQ(problem, "no public key in PEM: -----BEGIN PUBLIC KEY----- …");
    EXPECT_EQ(ERR_peek_error(), 0U);
  }
}

}  // namespace
}  // namespace mqttproxy::filters
