// Base64 in the two forms that come from outside.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace mqttproxy::util {

/// RFC 4648 section 4. Decodes in place. False, with `text` in an unspecified state, when it is not the standard
/// alphabet with padding, and nothing else.
[[nodiscard]] bool base64_decode(std::string& text);

/// Base64url without padding, as JSON Web Signatures write it (RFC 7515 section 2). nullopt for any other character,
/// padding and white space included, for an impossible length, and when bits that no byte takes are set: there is one
/// text for each sequence of bytes.
[[nodiscard]] std::optional<std::string> decode_base64url(std::string_view text);

}  // namespace mqttproxy::util
