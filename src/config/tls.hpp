// The TLS settings of a listening port, whether devices or the API's clients come to it.
#pragma once

#include <optional>

#include "mqttproxy/config/config.hpp"
#include "mqttproxy/config/value.hpp"

namespace mqttproxy::config {

/// A map of `cert` or `certFile`, `key` or `keyFile`, with an error for what is missing or cannot be read.
[[nodiscard]] CertificateConfig read_certificate(Object& object);
/// `minTLSVersion`, asked for: it is 1.3.
[[nodiscard]] bool is_tls13(const Value& min_version);
/// `clientCAFile`, asked for.
[[nodiscard]] PemText read_client_ca(const Value& file);

/// `api.tls`. The files are read, and tried: nullopt, with an error at each key that is not right, when no server could
/// work with them.
[[nodiscard]] std::optional<TlsConfig> read_api_tls(const Value& value);

}  // namespace mqttproxy::config
