// The readers of each kind of document. They report into the diagnostics and go on, so what they return is only used
// when there was no error.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "mqttproxy/config/config.hpp"
#include "mqttproxy/config/value.hpp"

namespace mqttproxy::config {

/// `^[\p{L}0-9\-_.~]{1,253}$`, where every character beyond ASCII counts as a letter.
[[nodiscard]] bool is_legal_name(std::string_view name);

/// A name as is_legal_name has it; reports and returns nullopt for anything else.
[[nodiscard]] std::optional<std::string> read_name(const Value& value);

/// kind (already looked at), version, labels, createdAt: legal in every document, meaningless here.
void ignore_metadata(Object& object);

/// Names that rules may use.
struct PipelineNames {
  std::map<std::string, std::size_t, std::less<>> index;  // into Config::pipelines
  bool complete = true;                                   // false: a document was too broken to tell its name
};

/// The listener of the document's own keys, then those of its list `listeners`.
[[nodiscard]] std::vector<ListenerConfig> read_listeners(Object& document);
[[nodiscard]] NodeConfig read_node(Object& document);
[[nodiscard]] PipelineConfig read_pipeline(Object& document);
[[nodiscard]] ProxyConfig read_proxy(Object& document, const PipelineNames& pipelines);

}  // namespace mqttproxy::config
