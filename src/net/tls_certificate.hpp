// Names in certificates. No sockets.
#pragma once

#include <optional>
#include <string>

#include <openssl/x509.h>

namespace mqttproxy::net {

/// Whether a client that asks for `server_name` may be shown the certificate: by its DNS names, by its common name when
/// it has none. `wildcards`: "*.example.org" counts as well.
[[nodiscard]] bool is_for_name(const X509& certificate, const std::string& server_name, bool wildcards) noexcept;

/// Who the holder is: the common name (the last one, where there are several), else the first alternative name that is
/// a DNS name, an e-mail address or a URI. nullopt when there is none, or when it is no MQTT string of 1 to 1,024
/// bytes.
[[nodiscard]] std::optional<std::string> holder_name(const X509& certificate);

}  // namespace mqttproxy::net
