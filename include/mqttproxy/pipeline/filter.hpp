// The filter interface and the registry of kinds.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mqttproxy/config/config.hpp"
#include "mqttproxy/pipeline/context.hpp"

namespace mqttproxy::pipeline {

/// One instance per worker: no locks, and no state of a packet outlives handle().
class Filter {
 public:
  virtual ~Filter() = default;
  /// Does its work on one packet. Returns an index into its kind's results, kPending or kBlocked. Never blocks, never
  /// throws. Packet types a filter has no business with pass with kSuccess.
  [[nodiscard]] virtual FilterResult handle(Context& context) noexcept = 0;
  /// Whether handle() has effects outside the Context. Such a filter is not called again when a run is repeated: its
  /// result is remembered.
  [[nodiscard]] virtual bool has_effects() const noexcept { return false; }
  /// A remembered result is applied again: set the same decision in the Context as handle() would have.
  virtual void replay(Context& context, FilterResult result) noexcept { (void)context, (void)result; }
  /// `result` is not success and the flow has no jumpIf for it. True: go on with the next node; false: the pipeline
  /// ends here. May decide in the Context.
  [[nodiscard]] virtual bool unhandled(Context& context, FilterResult result) noexcept {
    (void)context, (void)result;
    return false;
  }
};

/// Names of per-packet data → slots; one table per pipeline.
class SlotTable {
 public:
  [[nodiscard]] Slot slot(std::string_view name);

 private:
  std::map<std::string, Slot, std::less<>> slots_;
};

/// What a factory gets. Errors go to config.value.diagnostics(); it then returns nullptr, and only then.
struct FilterBuild {
  const config::FilterConfig& config;
  const config::PipelineConfig& pipeline;
  SlotTable& slots;
};

struct FilterKind {
  std::string_view name;
  std::vector<std::string_view> results;  // [0] is "" (success)
  std::function<std::unique_ptr<Filter>(const FilterBuild&)> make;
};

/// Kinds by name. Filled once at start (filters::register_all), then read only.
class FilterRegistry {
 public:
  void add(FilterKind kind);
  /// A second name for a registered kind.
  void alias(std::string_view alias, std::string_view name);
  [[nodiscard]] const FilterKind* find(std::string_view name) const;
  [[nodiscard]] std::vector<std::string_view> names() const;

 private:
  std::map<std::string, FilterKind, std::less<>> kinds_;
};

}  // namespace mqttproxy::pipeline
