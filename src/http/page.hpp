// The status page.
#pragma once

#include "api.hpp"

namespace mqttproxy::http {

/// One file with nothing of ours in it: what it shows it asks the API for, with the token that its reader gives it.
[[nodiscard]] Answer page();

}  // namespace mqttproxy::http
