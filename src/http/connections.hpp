// The connections resource.
#pragma once

#include <string_view>

#include "mqttproxy/downlink/session_directory.hpp"

#include "api.hpp"

namespace mqttproxy::http {

/// `q` selects by client id, user name and address; `limit`, 1 to 1,000, is 100 unless given.
[[nodiscard]] Answer list_connections(downlink::SessionDirectory& sessions, std::string_view proxy,
                                      const Params& params);

}  // namespace mqttproxy::http
