// JWTAuth's configuration: {from, publicKey or jwks, leeway, issuer, audience, usernameClaim}.
#pragma once

#include <memory>

#include "mqttproxy/pipeline/filter.hpp"

namespace mqttproxy::filters {

/// nullptr after errors.
[[nodiscard]] std::unique_ptr<pipeline::Filter> make_jwt_auth(const pipeline::FilterBuild& build);

}  // namespace mqttproxy::filters
