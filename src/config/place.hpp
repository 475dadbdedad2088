// Marks and key paths of YAML nodes.
#pragma once

#include <string>
#include <string_view>

#include <yaml-cpp/yaml.h>

#include "mqttproxy/config/diagnostics.hpp"

namespace mqttproxy::config {

/// Where `node` starts, counted from 1.
[[nodiscard]] Mark mark_of(const YAML::Node& node);

/// The path of `key` below `path`: "MQTTProxy m: rules" below a document's title, "rules[0].when" below a key.
[[nodiscard]] std::string child_path(const std::string& path, std::string_view key);

/// "nothing", "a list", "a map", or the scalar as it is written, in quotes.
[[nodiscard]] std::string describe(const YAML::Node& node);

}  // namespace mqttproxy::config
