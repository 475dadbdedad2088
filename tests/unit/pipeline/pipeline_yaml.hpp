// A Pipeline document as the tests write it, without the loader: `filters` and an optional `flow`.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "mqttproxy/config/config.hpp"
#include "mqttproxy/pipeline/pipeline.hpp"

namespace mqttproxy::test {

struct PipelineDocument {
  std::shared_ptr<config::Diagnostics> diagnostics = std::make_shared<config::Diagnostics>("test.yaml");
  config::PipelineConfig pipeline;

  [[nodiscard]] std::string errors() const { return diagnostics->format_errors(); }
  [[nodiscard]] std::string warnings() const { return diagnostics->format_warnings(); }
};

inline config::Mark mark_of(const YAML::Node& node) {
  return {node.Mark().line + 1, node.Mark().column + 1};
}

inline config::FlowConfig read_flow_node(const YAML::Node& entry) {
  config::FlowConfig node;
  node.mark = mark_of(entry);
  node.filter = entry["filter"].Scalar();
  node.alias = entry["alias"] ? entry["alias"].Scalar() : node.filter;
  if (entry["jumpIf"]) {
    for (const auto& jump : entry["jumpIf"]) {
      node.jump_if.push_back({jump.first.Scalar(), jump.second.Scalar(), mark_of(jump.first)});
    }
  }
  return node;
}

/// The pipeline is named p. Lines count from 1 at the first character of `yaml`.
inline PipelineDocument read_pipeline(const std::string& yaml) {
  PipelineDocument document;
  const YAML::Node root = YAML::Load(yaml);
  document.pipeline.name = "p";
  document.pipeline.mark = {1, 1};
  std::size_t index = 0;
  for (const YAML::Node& filter : root["filters"]) {
    const std::string name = filter["name"].Scalar();
    document.pipeline.filters.push_back(
        {name, filter["kind"].Scalar(),
         config::Value(filter, mark_of(filter), "Pipeline p: filters[" + std::to_string(index++) + "]",
                       *document.diagnostics)});
    if (root["flow"]) continue;
    config::FlowConfig node;
    node.filter = node.alias = name;
    document.pipeline.flow.push_back(std::move(node));
  }
  if (root["flow"]) {
    for (const YAML::Node& entry : root["flow"]) document.pipeline.flow.push_back(read_flow_node(entry));
  }
  return document;
}

}  // namespace mqttproxy::test
