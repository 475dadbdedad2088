// The resource that says what would become of a PUBLISH.
#pragma once

#include <string_view>

#include "mqttproxy/http/api_server.hpp"

#include "api.hpp"

namespace mqttproxy::http {

/// `body`: {"topic":"…","clientID":"…","username":"…","payload":"…","qos":1,"retain":false}, of which only the topic is
/// required. Other keys are ignored, null is as if the key were not there.
[[nodiscard]] Answer explain(const ExplainAction& action, std::string_view proxy, std::string_view body);

}  // namespace mqttproxy::http
