// Reads the TLS settings of a listener.
#pragma once

#include <optional>

#include "mqttproxy/config/value.hpp"
#include "mqttproxy/util/tls.hpp"

namespace mqttproxy::config {

/// `value`: {certFile, keyFile, clientCAFile, minTLSVersion}. The files are read, and tried: nullopt, with an error at
/// each key that is not right, when no server could work with them.
[[nodiscard]] std::optional<util::TlsOptions> read_tls(const Value& value);

}  // namespace mqttproxy::config
