// MQTTClientAuth's configuration: {salt, hashOrder, auth: [{username, saltedSha256Pass}], file: one user:hash a line}.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "client_auth.hpp"

namespace mqttproxy::filters {

/// nullopt after errors. The file's path is relative to the configuration file; its hashes are 64 hexadecimal digits
/// (SHA-256 with `salt`), $scrypt$… or $pbkdf2-sha256$….
[[nodiscard]] std::optional<ClientAuthOptions> read_client_auth(const config::FilterConfig& config);

/// `hashing` computes the slow hashes; it outlives the filters.
[[nodiscard]] std::function<std::unique_ptr<pipeline::Filter>(const pipeline::FilterBuild&)> client_auth_factory(
    util::TaskPool* hashing);

}  // namespace mqttproxy::filters
