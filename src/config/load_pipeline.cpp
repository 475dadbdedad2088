#include <algorithm>
#include <array>

#include "mqttproxy/util/text.hpp"

#include "documents.hpp"

namespace mqttproxy::config {

namespace {

constexpr std::string_view kEnd = "END";
constexpr std::array<std::string_view, 1> kProtocols = {"MQTT"};

/// Reads `filters` as far as every filter has them: name and kind. The rest is the business of the kind's factory.
/// False when a name could not be read.
bool read_filters(const Value& value, std::vector<FilterConfig>& filters) {
  bool complete = value.node().IsSequence();
  for (const Value& item : value.as_list()) {
    Object object(item);
    const auto name_value = object.require("name");
    const auto name = name_value ? read_name(*name_value) : std::nullopt;
    const auto kind_value = object.require("kind");
    const auto kind = kind_value ? kind_value->as_string() : std::nullopt;
    if (!name) {
      complete = false;
      continue;
    }
    if (*name == kEnd) name_value->error("END is not a filter's name: it ends the flow");
    const auto twin = std::ranges::find(filters, *name, &FilterConfig::name);
    if (twin != filters.end()) {
      name_value->error("there is already a filter \"" + *name + "\" in line " +
                        std::to_string(twin->value.mark().line));
    }
    filters.push_back(FilterConfig{*name, kind.value_or(""), item});
  }
  return complete;
}

std::vector<JumpConfig> read_jumps(const Value& value) {
  std::vector<JumpConfig> jumps;
  Object object(value);
  for (const auto& [result, target] : object.entries()) {
    auto text = target.as_string();
    if (text && text->empty()) target.error("expected the alias of a later node, or END");
    if (text) jumps.push_back(JumpConfig{result, std::move(*text), target.mark()});
  }
  return jumps;
}

void check_filter_exists(const Value& value, const std::string& name, const std::vector<FilterConfig>& filters) {
  if (name == kEnd || std::ranges::find(filters, name, &FilterConfig::name) != filters.end()) return;
  std::vector<std::string_view> known;
  known.reserve(filters.size() + 1);
  for (const FilterConfig& filter : filters) known.emplace_back(filter.name);
  known.push_back(kEnd);
  const std::string_view near = util::nearest(name, known);
  value.error("there is no filter \"" + util::printable(name, 64) + '"' +
              (near.empty() ? "; there are: " + util::join(known) : ", did you mean \"" + std::string(near) + "\"?"));
}

/// One node of the flow. Jumps are resolved, and results checked, when the pipeline is built.
std::optional<FlowConfig> read_flow_node(const Value& value, const std::vector<FilterConfig>& filters,
                                         bool filters_complete) {
  Object object(value);
  const auto filter = object.require("filter");
  const auto name = filter ? filter->as_string() : std::nullopt;
  const auto alias = object.find_set("alias");
  auto alias_text = alias ? alias->as_string() : name;
  if (alias && (alias_text == "" || alias_text == kEnd)) alias->error("an alias is neither empty nor END");
  const auto space = object.find_set("namespace");
  const auto space_text = space ? space->as_string() : std::nullopt;
  if (space_text && !space_text->empty()) space->error("must be empty: MQTT packets live in the default namespace");
  const auto jumps = object.find_set("jumpIf");
  std::vector<JumpConfig> jump_if = jumps ? read_jumps(*jumps) : std::vector<JumpConfig>();
  object.finish();
  if (!name) return std::nullopt;
  if (filters_complete) check_filter_exists(*filter, *name, filters);
  return FlowConfig{*name, std::move(alias_text).value_or(""), std::move(jump_if), value.mark()};
}

/// Without a flow the filters run in the order in which they are listed.
std::vector<FlowConfig> flow_of(const std::vector<FilterConfig>& filters) {
  std::vector<FlowConfig> flow;
  flow.reserve(filters.size());
  for (const FilterConfig& filter : filters) {
    flow.push_back(FlowConfig{filter.name, filter.name, {}, filter.value.mark()});
  }
  return flow;
}

}  // namespace

PipelineConfig read_pipeline(Object& document) {
  PipelineConfig pipeline;
  pipeline.mark = document.value().mark();
  ignore_metadata(document);
  if (const auto name = document.require("name")) pipeline.name = read_name(*name).value_or("");
  if (const auto protocol = document.find_set("protocol")) (void)protocol->as_choice(kProtocols);

  const auto filters = document.require("filters");
  const bool complete = filters && read_filters(*filters, pipeline.filters);
  if (const auto flow = document.find_set("flow")) {
    for (const Value& item : flow->as_list()) {
      if (auto node = read_flow_node(item, pipeline.filters, complete)) pipeline.flow.push_back(std::move(*node));
    }
  }
  if (pipeline.flow.empty()) pipeline.flow = flow_of(pipeline.filters);

  if (const auto list = document.find_set("resilience"); list && !list->as_list().empty()) {
    list->error("resilience policies are not supported: no filter for MQTT uses them");
  }
  if (const auto map = document.find_set("data")) {
    Object data(*map);
    if (data.valid() && !data.entries().empty()) map->error("pipeline data is not supported: no filter reads it");
  }
  document.finish();
  return pipeline;
}

}  // namespace mqttproxy::config
