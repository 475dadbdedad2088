// Base64url without padding, as JSON Web Signatures write it: RFC 7515 section 2.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace mqttproxy::filters {

/// nullopt for any other character, padding and white space included, for an impossible length, and when bits that no
/// byte takes are set: there is one text for each sequence of bytes.
[[nodiscard]] std::optional<std::string> decode_base64url(std::string_view text);

}  // namespace mqttproxy::filters
