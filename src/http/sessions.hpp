// The session resources: list, one in detail, delete.
#pragma once

#include <string>
#include <string_view>

#include "mqttproxy/downlink/session_directory.hpp"

#include "api.hpp"

namespace mqttproxy::http {

/// `params` nullptr: the request has no query, every session is meant; else `page` and `page_size` are required and `q`
/// selects sessions with a filter that contains it. Filtered first, then cut into pages; X-Total-Count is the number
/// in between.
[[nodiscard]] Answer query_sessions(downlink::SessionDirectory& sessions, std::string_view proxy, const Params* params);

[[nodiscard]] Answer describe_session(downlink::SessionDirectory& sessions, std::string_view proxy,
                                      std::string_view client_id);

/// `body`: {"sessions":[{"sessionID":"…"}]}; keys without regard to letter case, as in a publish body.
[[nodiscard]] Answer delete_sessions(downlink::SessionDirectory& sessions, std::string_view proxy,
                                     std::string_view body);

}  // namespace mqttproxy::http
