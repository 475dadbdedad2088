// JSON as the API writes it.
#pragma once

#include <chrono>
#include <string>

#include <nlohmann/json.hpp>

namespace mqttproxy::http {

/// Fields stay in their order.
using Json = nlohmann::ordered_json;

/// What is not UTF-8 comes out as U+FFFD.
[[nodiscard]] std::string dump(const Json& json);

/// RFC 3339 in UTC, to the second.
[[nodiscard]] std::string timestamp(std::chrono::system_clock::time_point time);

}  // namespace mqttproxy::http
