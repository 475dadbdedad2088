// A new line for a password file of MQTTClientAuth.
#pragma once

#include <string>
#include <string_view>

namespace mqttproxy::filters {

/// `$scrypt$ln=15,r=8,p=1$SALT$HASH` with a salt of its own each time. Takes some 100 ms and 32 MiB. Throws
/// std::runtime_error when OpenSSL has no random numbers or no memory.
[[nodiscard]] std::string hash_password(std::string_view password);

}  // namespace mqttproxy::filters
