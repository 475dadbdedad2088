// From bytes to YAML documents, or the one syntax error that stands in the way.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <yaml-cpp/yaml.h>

#include "mqttproxy/config/diagnostics.hpp"

namespace mqttproxy::config {

/// All documents in `text`, empty ones left out; nullopt with one error when it is no YAML.
[[nodiscard]] std::optional<std::vector<YAML::Node>> parse_yaml(const std::string& text, Diagnostics& diagnostics);

}  // namespace mqttproxy::config
