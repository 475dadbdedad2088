// Whether a request may be what somebody's web page makes a browser send. Pure function.
#pragma once

#include <optional>
#include <string_view>

#include "mqttproxy/config/config.hpp"

namespace mqttproxy::http {

/// Why a request without a token is refused; "" when it is not: a literal.
///
/// A browser asks nobody before it posts a page's text to any address, 127.0.0.1 included, but says in Origin whose
/// page it is: only our own may. And a page whose host name its owner lets point here afterwards (DNS rebinding) is our
/// own page to the browser, which then sends no Origin when it reads: without TLS, whose certificate is for no such
/// name, the Host must be one that no name server has a say in.
[[nodiscard]] std::string_view web_page_problem(std::string_view host, std::optional<std::string_view> origin,
                                                const config::ApiConfig& config);

}  // namespace mqttproxy::http
