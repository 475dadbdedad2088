#include "tls.hpp"

#include <array>
#include <chrono>
#include <filesystem>

#include "text_source.hpp"

namespace mqttproxy::config {

namespace {

constexpr std::size_t kMaxPemBytes = 1U << 20U;
constexpr std::array<std::string_view, 2> kVersions = {"1.2", "1.3"};

/// The content of the file that `value` names, relative to the configuration file.
std::optional<std::string> read_pem(const Value& value) {
  const auto name = value.is_null() ? std::string() : value.as_string();
  if (!name) return std::nullopt;
  if (name->empty()) {
    value.error("must not be empty");
    return std::nullopt;
  }
  SourcedText pem = read_file(std::filesystem::path(value.diagnostics().file()).parent_path() / *name, kMaxPemBytes);
  if (pem.ok() && pem.text.empty()) pem.problem = "it is empty";
  if (!pem.ok()) {
    value.error("the file cannot be used: " + pem.problem);
    return std::nullopt;
  }
  return std::move(pem.text);
}

/// Makes what the daemon will make of it, to see whether it can.
bool try_out(const util::TlsOptions& options, const Value& certificate, const Value& key,
             const std::optional<Value>& client_ca) {
  const util::TlsServer made = util::make_tls_server(options);
  for (const util::TlsProblem& problem : made.problems) {
    const Value& at = problem.part == util::TlsPart::Key                     ? key
                      : problem.part == util::TlsPart::ClientCa && client_ca ? *client_ca
                                                                             : certificate;
    at.error("the file cannot be used: " + problem.text);
  }
  if (!made.context) return false;
  const util::TlsValidity validity = util::tls_validity(*made.context);
  const auto now = std::chrono::system_clock::now();
  if (validity.not_after < now) certificate.warning("the certificate has expired");
  if (validity.not_before > now) certificate.warning("the certificate is not valid yet");
  return true;
}

}  // namespace

std::optional<util::TlsOptions> read_tls(const Value& value) {
  Object section(value);
  const auto certificate = section.require("certFile");
  const auto key = section.require("keyFile");
  const auto client_ca = section.find("clientCAFile");  // an empty one is no reason to let everybody in
  const auto version = section.find_set("minTLSVersion");
  section.finish();
  const auto certificate_pem = certificate ? read_pem(*certificate) : std::nullopt;
  const auto key_pem = key ? read_pem(*key) : std::nullopt;
  const auto client_ca_pem = client_ca ? read_pem(*client_ca) : std::string();
  const auto min_version = version ? version->as_choice(kVersions) : std::string(kVersions[0]);
  if (!certificate_pem || !key_pem || !client_ca_pem || !min_version) return std::nullopt;

  const auto least = *min_version == kVersions[1] ? util::TlsVersion::Tls13 : util::TlsVersion::Tls12;
  util::TlsOptions options{*certificate_pem, *key_pem, *client_ca_pem, least};
  if (!try_out(options, *certificate, *key, client_ca)) return std::nullopt;
  return options;
}

}  // namespace mqttproxy::config
