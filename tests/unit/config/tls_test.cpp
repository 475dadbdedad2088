// The API's TLS settings with real files. What needs none: fixtures/api_tls*.yaml.
#include <gtest/gtest.h>

#include "../util/certificates.hpp"
#include "support.hpp"

namespace mqttproxy::config {
namespace {

using mqttproxy::test::Identity;
using test::TempFile;

constexpr std::string_view kRest =
    "---\nkind: MQTTProxy\nname: m\nport: 1883\nrules:\n- {when: {packetType: Publish}, pipeline: p}\n"
    "- {when: {packetType: Connect}, pipeline: p}\n---\nkind: Pipeline\nname: p\nfilters: []\n";

class ApiTls : public testing::Test {
 protected:
  /// `api` stands before the files' keys.
  test::Loaded load(const std::string& api, const std::string& tls = "") {
    return test::load_text("kind: Node\napi:\n" + api + "  tls:\n    certFile: " + certificate_.path().string() +
                           "\n    keyFile: " + key_.path().string() + "\n" + tls + std::string(kRest));
  }
  std::string ask_clients() { return "    clientCAFile: " + authority_.path().string() + "\n"; }

  const Identity root_ = Identity::authority("root");
  const Identity server_ = root_.sign("server");
  TempFile certificate_{server_.certificate_pem()}, key_{server_.key_pem()}, authority_{root_.certificate_pem()};
};

TEST_F(ApiTls, arrives_with_the_files_content) {
  const auto loaded = load("", ask_clients() + "    minTLSVersion: 1.3\n");
  ASSERT_TRUE(loaded.config.has_value()) << loaded.errors;
  const auto& tls = loaded.config->node.api.tls;
  ASSERT_TRUE(tls.has_value());
  ASSERT_EQ(tls->certificates.size(), 1U);
  EXPECT_EQ(tls->certificates.front().chain.pem + "\n", server_.certificate_pem());
  EXPECT_EQ(tls->certificates.front().key.pem + "\n", server_.key_pem());
  EXPECT_EQ(tls->client_ca.value().pem + "\n", root_.certificate_pem());
  EXPECT_TRUE(tls->only_tls13);
  EXPECT_EQ(loaded.warnings, "");
}

TEST_F(ApiTls, needs_no_client_ca_and_starts_at_version_1_2) {
  const auto loaded = load("");
  ASSERT_TRUE(loaded.config.has_value()) << loaded.errors;
  EXPECT_FALSE(loaded.config->node.api.tls->client_ca);
  EXPECT_FALSE(loaded.config->node.api.tls->only_tls13);
}

TEST_F(ApiTls, relative_paths_start_at_the_configuration_file) {
  certificate_.write(server_.certificate_pem());
  const auto folder = certificate_.path().parent_path();
  const TempFile file("kind: Node\napi:\n  tls:\n    certFile: " + certificate_.path().filename().string() +
                      "\n    keyFile: " + key_.path().filename().string() + "\n" + std::string(kRest));
  ASSERT_EQ(file.path().parent_path(), folder);
  const auto diagnostics = std::make_shared<Diagnostics>(file.path().string());
  EXPECT_TRUE(config::load(file.path(), diagnostics).has_value()) << diagnostics->format_errors();
}

TEST_F(ApiTls, client_certificates_make_an_exposed_api_safe_and_encryption_alone_does_not) {
  const std::string exposed = "  address: 0.0.0.0:2381\n";
  const auto safe = load(exposed, ask_clients());
  EXPECT_TRUE(safe.config.has_value()) << safe.errors;
  EXPECT_EQ(safe.warnings, "");
  EXPECT_EQ(load(exposed).errors,
            "3:3: Node mqttproxy: api.address: other machines can reach this address: it needs a token, client "
            "certificates (tls.clientCAFile) or \"insecure: true\"\n");
  EXPECT_TRUE(load(exposed + "  token: t\n").config.has_value());
}

TEST_F(ApiTls, a_key_of_another_certificate_is_an_error_at_the_key) {
  key_.write(root_.key_pem());
  EXPECT_EQ(load("").errors,
            "5:5: Node mqttproxy: api.tls.keyFile: the private key does not belong to the certificate\n");
}

TEST_F(ApiTls, files_that_are_no_pem_are_errors_at_each) {
  for (const TempFile* file : {&certificate_, &key_, &authority_}) file->write("hunter2");
  const std::string unusable = "there is no ";
  const std::string certificate = unusable + "certificate in it (PEM, -----BEGIN CERTIFICATE-----)\n";
  EXPECT_EQ(load("", ask_clients()).errors, "4:5: Node mqttproxy: api.tls.certFile: " + certificate +
                                                "5:5: Node mqttproxy: api.tls.keyFile: " + unusable +
                                                "usable private key in it (PEM, -----BEGIN PRIVATE KEY-----)\n" +
                                                "6:5: Node mqttproxy: api.tls.clientCAFile: " + certificate);
}

TEST_F(ApiTls, a_client_ca_file_that_is_empty_is_an_error_and_lets_nobody_in) {
  authority_.write("");
  EXPECT_EQ(load("", ask_clients()).errors,
            "6:5: Node mqttproxy: api.tls.clientCAFile: the file named here cannot be used: it is empty\n");
}

TEST_F(ApiTls, a_certificate_outside_of_its_time_is_a_warning) {
  for (const auto& [life, text] : {std::pair{Identity::Life{-100, -50}, "the certificate has expired"},
                                   std::pair{Identity::Life{1'000, 2'000}, "the certificate is not valid yet"}}) {
    const Identity server = Identity::self_signed("server", EVP_EC_gen("P-256"), life);
    certificate_.write(server.certificate_pem());
    key_.write(server.key_pem());
    const auto loaded = load("");
    EXPECT_TRUE(loaded.config.has_value()) << loaded.errors;
    EXPECT_EQ(loaded.warnings, "4:5: Node mqttproxy: api.tls.certFile: " + std::string(text) + "\n");
  }
}

}  // namespace
}  // namespace mqttproxy::config
