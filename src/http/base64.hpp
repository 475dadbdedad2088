// Base64 as RFC 4648 section 4 has it.
#pragma once

#include <string>

namespace mqttproxy::http {

/// Decodes in place. False, with `text` in an unspecified state, when it is not the standard alphabet with padding, and
/// nothing else.
[[nodiscard]] bool base64_decode(std::string& text);

}  // namespace mqttproxy::http
