#include "tls_certificate.hpp"

#include <memory>

#include <openssl/x509v3.h>

#include "mqttproxy/mqtt/topic.hpp"

namespace mqttproxy::net {

namespace {

constexpr std::size_t kMaxNameBytes = 1'024;

struct FreeNames {
  void operator()(GENERAL_NAMES* names) const noexcept { GENERAL_NAMES_free(names); }
};
using NamesPtr = std::unique_ptr<GENERAL_NAMES, FreeNames>;

std::optional<std::string> usable(std::string name) {
  if (name.empty() || name.size() > kMaxNameBytes || !mqtt::is_mqtt_utf8(name)) return std::nullopt;
  return name;
}

std::string text_of(const ASN1_STRING& text) {
  unsigned char* utf8 = nullptr;
  const int size = ASN1_STRING_to_UTF8(&utf8, &text);
  if (size < 0) return "";
  std::string out(reinterpret_cast<const char*>(utf8), static_cast<std::size_t>(size));
  OPENSSL_free(utf8);
  return out;
}

/// IA5String is ASCII; what is more is no name.
std::string text_of_name(const GENERAL_NAME& name) {
  if (name.type != GEN_DNS && name.type != GEN_EMAIL && name.type != GEN_URI) return "";
  const ASN1_STRING& text = *name.d.ia5;
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(&text)),
          static_cast<std::size_t>(ASN1_STRING_length(&text))};
}

}  // namespace

bool is_for_name(const X509& certificate, const std::string& server_name, bool wildcards) noexcept {
  const unsigned flags = wildcards ? X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS : X509_CHECK_FLAG_NO_WILDCARDS;
  return X509_check_host(const_cast<X509*>(&certificate), server_name.data(), server_name.size(), flags, nullptr) == 1;
}

std::optional<std::string> holder_name(const X509& certificate) {
  const X509_NAME* subject = X509_get_subject_name(&certificate);
  int last = -1;
  for (int at = -1; (at = X509_NAME_get_index_by_NID(subject, NID_commonName, at)) >= 0;) last = at;
  if (last >= 0) return usable(text_of(*X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, last))));
  const NamesPtr names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    std::string name = text_of_name(*sk_GENERAL_NAME_value(names.get(), i));
    if (!name.empty()) return usable(std::move(name));
  }
  return std::nullopt;
}

}  // namespace mqttproxy::net
