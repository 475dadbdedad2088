// What is wrong with a certificate, a key, a client CA. What the sessions are like: tests/component/http.
#include "mqttproxy/util/tls.hpp"

#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include "certificates.hpp"

namespace mqttproxy::util {
namespace {

using test::Identity;

constexpr const char* kNoKey = "there is no usable private key in it (PEM, -----BEGIN PRIVATE KEY-----)";
constexpr const char* kNoCertificate = "there is no certificate in it (PEM, -----BEGIN CERTIFICATE-----)";

class TlsServerTest : public ::testing::Test {
 protected:
  TlsServerTest() : authority_(Identity::authority("root")), server_(authority_.sign("server")) {
    options_.certificate = server_.certificate_pem();
    options_.key = server_.key_pem();
  }

  /// The only problem, and there is no context.
  TlsProblem problem() {
    TlsServer made = make_tls_server(options_);
    EXPECT_EQ(made.context, nullptr);
    EXPECT_EQ(made.problems.size(), 1U);
    return made.problems.empty() ? TlsProblem{} : made.problems.front();
  }
  void expect(TlsPart part, const std::string& text) {
    const TlsProblem found = problem();
    EXPECT_EQ(found.part, part);
    EXPECT_EQ(found.text, text);
  }

  Identity authority_, server_;
  TlsOptions options_;
};

TEST_F(TlsServerTest, CertificateAndKeyAreEnough) {
  EXPECT_NE(make_tls_server(options_).context, nullptr);
}

TEST_F(TlsServerTest, AChainAndAuthoritiesAreTaken) {
  options_.certificate += authority_.certificate_pem();
  options_.client_ca = authority_.certificate_pem() + Identity::authority("other").certificate_pem();
  EXPECT_NE(make_tls_server(options_).context, nullptr);
}

TEST_F(TlsServerTest, TextThatIsNoPem) {
  options_.certificate = "x";
  options_.key = "";
  options_.client_ca = "y";
  const TlsServer made = make_tls_server(options_);
  EXPECT_EQ(made.context, nullptr);
  ASSERT_EQ(made.problems.size(), 3U);  // all at once
  EXPECT_EQ(made.problems[0].text, kNoCertificate);
  EXPECT_EQ(made.problems[1].text, kNoKey);
  EXPECT_EQ(made.problems[2].text, kNoCertificate);
}

TEST_F(TlsServerTest, ACertificateThatIsCutOff) {
  options_.certificate.resize(options_.certificate.size() / 2);
  expect(TlsPart::Certificate, "certificate 1 is broken: bad end line");
}

TEST_F(TlsServerTest, AChainThatIsCutOff) {
  options_.certificate += authority_.certificate_pem().substr(0, 100);
  expect(TlsPart::Certificate, "certificate 2 is broken: bad end line");
}

TEST_F(TlsServerTest, AKeyWhereTheCertificateShouldBe) {
  options_.certificate = options_.key;
  expect(TlsPart::Certificate, kNoCertificate);
}

TEST_F(TlsServerTest, ACertificateWhereTheKeyShouldBe) {
  options_.key = options_.certificate;
  expect(TlsPart::Key, kNoKey);
}

TEST_F(TlsServerTest, AKeyThatBelongsToAnotherCertificate) {
  options_.key = authority_.key_pem();
  expect(TlsPart::Key, "the private key does not belong to the certificate");
}

TEST_F(TlsServerTest, AKeyOfAnotherKind) {
  options_.key = Identity::self_signed("rsa", EVP_RSA_gen(2'048), {}).key_pem();
  expect(TlsPart::Key, "the private key does not belong to the certificate");
}

// Nobody is asked for the passphrase on a terminal.
TEST_F(TlsServerTest, AKeyWithAPassphrase) {
  options_.key = server_.key_pem("hunter2");
  expect(TlsPart::Key, "the private key has a passphrase; it must be stored without one");
}

TEST_F(TlsServerTest, AKeyThatIsTooWeak) {
  const Identity weak = Identity::self_signed("weak", EVP_RSA_gen(1'024), {});
  options_.certificate = weak.certificate_pem();
  options_.key = weak.key_pem();
  expect(TlsPart::Certificate, "OpenSSL refuses it: ee key too small");
}

TEST_F(TlsServerTest, ErrorsRepeatNothingOfTheKey) {
  std::string damaged = options_.key;
  const std::string secret = damaged.substr(60, 20);
  damaged.insert(100, "!");
  options_.key = damaged;
  const TlsProblem found = problem();
  EXPECT_EQ(found.text, kNoKey);
  EXPECT_EQ(found.text.find(secret), std::string::npos);
}

// Else a client could keep a call busy with records that bring nothing, however little time its caller gave it.
TEST_F(TlsServerTest, ACallReturnsAfterEachRecord) {
  const TlsServer made = make_tls_server(options_);
  ASSERT_NE(made.context, nullptr);
  EXPECT_EQ(SSL_CTX_get_mode(made.context.get()) & SSL_MODE_AUTO_RETRY, 0U);
}

TEST_F(TlsServerTest, ValidityIsThatOfTheServersCertificate) {
  using std::chrono::hours;
  const Identity old = Identity::self_signed("old", EVP_EC_gen("P-256"), {-7'200, -3'600});
  options_.certificate = old.certificate_pem() + authority_.certificate_pem();
  options_.key = old.key_pem();
  const TlsServer made = make_tls_server(options_);
  ASSERT_NE(made.context, nullptr);
  const TlsValidity validity = tls_validity(*made.context);
  EXPECT_EQ(validity.not_after - validity.not_before, hours(1));
  EXPECT_LT(validity.not_after, std::chrono::system_clock::now());
}

TEST(TlsError, IsTakenOnce) {
  EXPECT_EQ(take_tls_error(), "no reason given");
}

}  // namespace
}  // namespace mqttproxy::util
