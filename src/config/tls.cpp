#include "tls.hpp"

#include <array>
#include <chrono>
#include <string>
#include <string_view>

namespace mqttproxy::config {

namespace {

constexpr std::size_t kMaxPemBytes = 1U << 20U;  // a bundle of public authorities has a quarter of it
constexpr std::array<std::string_view, 2> kVersions = {"1.2", "1.3"};

/// PEM under one of two keys: as it is, or in a file.
PemText read_pem(Object& object, std::string_view key, std::string_view file_key) {
  const auto text = object.find_set(key);
  const auto file = object.find_set(file_key);
  const std::string either = "\"" + std::string(key) + "\" or \"" + std::string(file_key) + "\"";
  if (text && file) {
    file->error("give " + either + ", not both");
    return {"", *file};
  }
  if (text) {
    const auto pem = text->as_secret();
    if (pem && pem->empty()) text->error("expected PEM text, found nothing");
    return {pem.value_or(""), *text};
  }
  if (file) return {file->as_file(kMaxPemBytes).value_or(""), *file};
  if (object.valid()) object.value().error("missing " + either);
  return {"", object.value()};
}

/// Where there is no text an error has been reported.
void report(const PemText& text, const std::string& problem) {
  if (!text.pem.empty()) text.place.error(problem);
}

/// A certificate that is out of its time is no error: the daemon must start all the same, and clients may not mind.
void warn_of_dates(const CertificateConfig& certificate, const ssl_ctx_st& context) {
  const util::TlsValidity validity = util::tls_validity(context);
  const auto now = std::chrono::system_clock::now();
  if (validity.not_after < now) certificate.chain.place.warning("the certificate has expired");
  if (validity.not_before > now) certificate.chain.place.warning("the certificate is not valid yet");
}

}  // namespace

CertificateConfig read_certificate(Object& object) {
  return {"", read_pem(object, "cert", "certFile"), read_pem(object, "key", "keyFile")};
}

bool is_tls13(const Value& min_version) {
  return min_version.as_choice(kVersions) == kVersions[1];
}

PemText read_client_ca(const Value& file) {
  return {file.as_file(kMaxPemBytes).value_or(""), file};
}

std::optional<TlsConfig> read_api_tls(const Value& value) {
  const std::size_t errors_before = value.diagnostics().errors().size();
  Object section(value);
  TlsConfig tls;
  tls.certificates.push_back(read_certificate(section));
  // An empty one is no reason to let everybody in.
  if (const auto client_ca = section.find("clientCAFile")) tls.client_ca = read_client_ca(*client_ca);
  if (const auto version = section.find_set("minTLSVersion")) tls.only_tls13 = is_tls13(*version);
  section.finish();
  const bool read = value.diagnostics().errors().size() == errors_before;
  return read && make_tls_context(tls, tls.certificates.front()) ? std::optional(std::move(tls)) : std::nullopt;
}

util::TlsContext make_tls_context(const TlsConfig& config, const CertificateConfig& certificate) {
  util::TlsServer made =
      util::make_tls_server({certificate.chain.pem, certificate.key.pem, config.client_ca ? config.client_ca->pem : "",
                             config.only_tls13 ? util::TlsVersion::Tls13 : util::TlsVersion::Tls12});
  for (const util::TlsProblem& problem : made.problems) {
    switch (problem.part) {
      case util::TlsPart::Certificate:
        report(certificate.chain, problem.text);
        break;
      case util::TlsPart::Key:
        report(certificate.key, problem.text);
        break;
      case util::TlsPart::ClientCa:
        if (&certificate == &config.certificates.front()) report(*config.client_ca, problem.text);
        break;
    }
  }
  if (made.context) warn_of_dates(certificate, *made.context);
  return std::move(made.context);
}

}  // namespace mqttproxy::config
