// What runs here, and what went wrong of late.
#pragma once

#include "mqttproxy/config/config.hpp"
#include "mqttproxy/util/recent_log.hpp"

#include "api.hpp"

namespace mqttproxy::http {

/// Every MQTTProxy with its listeners and rules. Names only: what is inside of filters may be secret.
[[nodiscard]] Answer describe_proxies(const config::Config& config);

[[nodiscard]] Answer list_errors(const util::RecentLog& log);

}  // namespace mqttproxy::http
