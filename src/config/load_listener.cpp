// Where an MQTTProxy listens, and how: address, TLS, PROXY protocol.
#include <limits>

#include "documents.hpp"
#include "endpoint.hpp"
#include "place.hpp"
#include "tls.hpp"

namespace mqttproxy::config {

namespace {

constexpr std::size_t kMaxCertificates = 100;  // a client's server name is compared with each
constexpr std::size_t kMaxListeners = 100;
constexpr std::string_view kNeedsTls = "has no effect without \"useTLS: true\"";

void read_endpoint(Object& object, ListenerConfig& listener) {
  if (const auto port = object.require("port")) {
    listener.place = *port;
    const auto number = port->as_integer(0, std::numeric_limits<std::uint16_t>::max());
    listener.endpoint.port = static_cast<std::uint16_t>(number.value_or(0));
  }
  const auto value = object.find_set("address");
  const auto text = value ? value->as_string() : std::nullopt;
  if (!text) return;
  if (const auto address = parse_address(*text)) {
    listener.endpoint.host = *address;
  } else {
    value->error("expected an IPv4 or IPv6 address or localhost, without a port, found " + describe(value->node()));
  }
}

CertificateConfig read_named_certificate(const Value& value) {
  Object object(value);
  std::string name = object.string_or("name", "");
  CertificateConfig certificate = read_certificate(object);
  certificate.name = std::move(name);
  object.finish();
  return certificate;
}

void read_certificates(const Value& list, TlsConfig& tls) {
  const std::vector<Value> items = list.as_list();
  if (items.size() > kMaxCertificates) {
    list.error("at most " + std::to_string(kMaxCertificates) + " certificates for one listener");
    return;
  }
  for (const Value& item : items) tls.certificates.push_back(read_named_certificate(item));
}

/// The shape of certificates that are not used: their files may be missing.
bool check_unused_certificates(const Value& list) {
  const std::vector<Value> items = list.as_list();
  for (const Value& item : items) {
    Object certificate(item);
    for (const std::string_view key : {"name", "cert", "key", "certFile", "keyFile"}) {
      (void)certificate.string_or(key, "");
    }
    certificate.finish();
  }
  return !items.empty();
}

std::optional<Value> find_not_empty(Object& object, std::string_view key) {
  auto value = object.find_set(key);
  return value && value->node().IsScalar() && value->node().Scalar().empty() ? std::nullopt : value;
}

std::optional<TlsConfig> read_listener_tls(Object& object) {
  const auto use_tls = object.find_set("useTLS");
  const bool wanted = use_tls && use_tls->as_bool().value_or(false);
  const auto certificates = object.find_set("certificate");
  const auto client_ca = find_not_empty(object, "clientCAFile");
  const auto min_version = object.find_set("minTLSVersion");
  if (!wanted) {
    // Files of Easegress have certificates beside "useTLS: false". Our own keys must not be forgotten like that.
    if (certificates && check_unused_certificates(*certificates)) certificates->warning(std::string(kNeedsTls));
    if (client_ca && client_ca->as_string()) client_ca->error(std::string(kNeedsTls));
    if (min_version) min_version->error(std::string(kNeedsTls));
    return std::nullopt;
  }
  TlsConfig tls;
  if (min_version) tls.only_tls13 = is_tls13(*min_version);
  if (certificates) read_certificates(*certificates, tls);
  if (!certificates || (certificates->node().IsSequence() && certificates->node().size() == 0)) {
    use_tls->error("needs at least one certificate: {name, certFile, keyFile}, or {name, cert, key} with PEM text");
  }
  if (client_ca) tls.client_ca = read_client_ca(*client_ca);
  return tls;
}

ListenerConfig read_listener(Object& object) {
  ListenerConfig listener;
  read_endpoint(object, listener);
  listener.tls = read_listener_tls(object);
  listener.proxy_protocol = object.bool_or("proxyProtocol", false);
  return listener;
}

}  // namespace

std::vector<ListenerConfig> read_listeners(Object& document) {
  std::vector<ListenerConfig> listeners{read_listener(document)};
  const auto list = document.find_set("listeners");
  const std::vector<Value> items = list ? list->as_list() : std::vector<Value>();
  if (items.size() > kMaxListeners) {
    list->error("at most " + std::to_string(kMaxListeners) + " further listeners");
    return listeners;
  }
  for (const Value& item : items) {
    Object object(item);
    if (!object.valid()) continue;
    listeners.push_back(read_listener(object));
    object.finish();
  }
  return listeners;
}

}  // namespace mqttproxy::config
