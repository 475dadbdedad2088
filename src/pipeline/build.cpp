// Configuration to a pipeline that is ready to run. Everything that is wrong is reported, not just the first.
#include <map>
#include <string>
#include <utility>

#include "mqttproxy/pipeline/pipeline.hpp"
#include "mqttproxy/util/text.hpp"

namespace mqttproxy::pipeline {

namespace {

constexpr std::string_view kEndName = "END";

/// Place of a filter's `kind`, which is reported before a factory has read the map.
config::Mark kind_mark(const config::FilterConfig& filter) {
  if (filter.value.node().IsMap()) {
    for (const auto& entry : filter.value.node()) {
      if (entry.first.IsScalar() && entry.first.Scalar() == "kind") {
        return {entry.first.Mark().line + 1, entry.first.Mark().column + 1};
      }
    }
  }
  return filter.value.mark();
}

/// The names a result can have: `["", AuthFail]`.
std::string list_results(const FilterKind& kind) {
  std::string text = "[";
  for (const std::string_view result : kind.results) {
    if (text.size() > 1) text += ", ";
    text += result.empty() ? std::string_view("\"\"") : result;
  }
  return text + "]";
}

std::optional<std::size_t> find_result(const FilterKind& kind, std::string_view result) {
  for (std::size_t i = 0; i < kind.results.size(); ++i) {
    if (kind.results[i] == result) return i;
  }
  return std::nullopt;
}

}  // namespace

class Builder {
 public:
  /// Precondition: there is a filter (its Value knows the diagnostics).
  Builder(const config::PipelineConfig& config, const FilterRegistry& registry, WorkerFilterStats* stats)
      : config_(config), registry_(registry), stats_(stats), diagnostics_(config.filters.front().value.diagnostics()) {}

  /// A pipeline that runs nothing.
  static std::unique_ptr<Pipeline> build_empty(const config::PipelineConfig& config) {
    auto pipeline = std::make_unique<Pipeline>();
    pipeline->name_ = config.name;
    return pipeline;
  }

  std::unique_ptr<Pipeline> build() {
    for (const config::FilterConfig& filter : config_.filters) build_filter(filter);
    if (config_.flow.size() >= Pipeline::kNoJump) {
      diagnostics_.error(config_.mark, "Pipeline " + config_.name + ": flow", "more than 65,533 nodes");
      return nullptr;
    }
    auto pipeline = build_empty(config_);
    if (stats_ == nullptr) stats_ = (pipeline->own_stats_ = std::make_unique<WorkerFilterStats>()).get();
    for (std::size_t i = 0; i < config_.flow.size(); ++i) pipeline->nodes_.push_back(build_node(i));
    if (failed_) return nullptr;
    for (auto& [name, built] : built_) pipeline->filters_.push_back(std::move(built.filter));
    return pipeline;
  }

 private:
  /// A filter as the flow sees it. Without a `filter` its configuration is wrong: the flow is checked all the same.
  struct Built {
    const FilterKind* kind = nullptr;
    std::unique_ptr<Filter> filter;
  };

  void build_filter(const config::FilterConfig& filter) {
    Built built{registry_.find(filter.kind), nullptr};
    if (built.kind == nullptr) {
      report_unknown_kind(filter);
    } else {
      built.filter = built.kind->make({filter, config_, slots_});
    }
    if (!built.filter) failed_ = true;
    built_.emplace(filter.name, std::move(built));
  }

  void report_unknown_kind(const config::FilterConfig& filter) {
    const std::vector<std::string_view> names = registry_.names();
    std::string text = "kind " + filter.kind + " not found; allowed: " + util::join(names);
    if (const std::string_view nearest = util::nearest(filter.kind, names); !nearest.empty()) {
      text += "; did you mean " + std::string(nearest) + "?";
    }
    diagnostics_.error(kind_mark(filter), filter.value.path() + ".kind", std::move(text));
  }

  Pipeline::Node build_node(std::size_t index) {
    const config::FlowConfig& node = config_.flow[index];
    Pipeline::Node result;
    if (node.filter == kEndName) {
      for (const config::JumpConfig& jump : node.jump_if) {
        error(index, jump.mark, "jumpIf", "filter END has no results to jump on");
      }
      return result;
    }
    const auto found = built_.find(node.filter);
    if (found == built_.end()) {
      error(index, node.mark, "filter", "filter " + node.filter + " not found");
      return result;
    }
    const Built& built = found->second;
    if (built.kind != nullptr) result.jump = read_jumps(index, *built.kind);
    result.filter = built.filter.get();
    if (built.kind != nullptr) result.stats = &stats_->of(config_.name, node.filter, built.kind->results);
    result.has_effects = built.filter != nullptr && built.filter->has_effects();
    return result;
  }

  std::vector<std::uint16_t> read_jumps(std::size_t index, const FilterKind& kind) {
    const config::FlowConfig& node = config_.flow[index];
    std::vector<std::uint16_t> jumps;
    for (const config::JumpConfig& jump : node.jump_if) {
      const std::optional<std::size_t> result = find_result(kind, jump.result);
      if (!result) {
        error(index, jump.mark, "jumpIf",
              "filter " + node.filter + ": result " + jump.result + " is not in " + list_results(kind));
      }
      const std::optional<std::uint16_t> target = find_target(index, jump);
      if (!result || !target) continue;
      jumps.resize(kind.results.size(), Pipeline::kNoJump);
      jumps[*result] = *target;
    }
    return jumps;
  }

  /// Index of the later node that `jump` names, or kEnd; nullopt after an error.
  std::optional<std::uint16_t> find_target(std::size_t index, const config::JumpConfig& jump) {
    if (jump.target == kEndName) return Pipeline::kEnd;
    std::optional<std::uint16_t> found;
    for (std::size_t later = index + 1; later < config_.flow.size(); ++later) {
      if (config_.flow[later].alias != jump.target) continue;
      if (found) {
        error(index, jump.mark, "jumpIf",
              "duplicated filter name/alias " + jump.target + ": give the target an alias of its own");
        return std::nullopt;
      }
      found = static_cast<std::uint16_t>(later);
    }
    if (!found) {
      const bool behind = stands_before(index + 1, jump.target);
      error(
          index, jump.mark, "jumpIf",
          "target filter " + jump.target + (behind ? " is not after this node: jumps go forward only" : " not found"));
    }
    return found;
  }

  [[nodiscard]] bool stands_before(std::size_t end, std::string_view alias) const {
    for (std::size_t i = 0; i < end; ++i) {
      if (config_.flow[i].alias == alias) return true;
    }
    return false;
  }

  void error(std::size_t index, config::Mark mark, std::string_view key, std::string text) {
    failed_ = true;
    diagnostics_.error(mark, "Pipeline " + config_.name + ": flow[" + std::to_string(index) + "]." + std::string(key),
                       std::move(text));
  }

  const config::PipelineConfig& config_;
  const FilterRegistry& registry_;
  WorkerFilterStats* stats_;
  config::Diagnostics& diagnostics_;
  SlotTable slots_;
  std::map<std::string_view, Built> built_;
  bool failed_ = false;  // not asked of the diagnostics: they may know the same error from an earlier build
};

std::unique_ptr<Pipeline> build(const config::PipelineConfig& config, const FilterRegistry& registry,
                                WorkerFilterStats* stats) {
  if (config.filters.empty()) return Builder::build_empty(config);
  return Builder(config, registry, stats).build();
}

}  // namespace mqttproxy::pipeline
