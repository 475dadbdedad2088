// Filters and references of sessions in few bytes: every node holds those of all sessions. Pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "mqttproxy/cluster/session_store.hpp"

namespace mqttproxy::cluster {

[[nodiscard]] std::string pack(const std::vector<Filter>& filters);
[[nodiscard]] std::string pack(const std::vector<Reference>& references);

/// Precondition: pack() has made it.
[[nodiscard]] std::vector<Filter> unpack_filters(std::string_view packed);
[[nodiscard]] std::vector<Reference> unpack_references(std::string_view packed);

}  // namespace mqttproxy::cluster
