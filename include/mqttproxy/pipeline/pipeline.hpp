// A pipeline ready to run: filters in flow order with every jump resolved to an index.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "mqttproxy/pipeline/filter.hpp"
#include "mqttproxy/pipeline/filter_stats.hpp"

namespace mqttproxy::pipeline {

enum class RunState : std::uint8_t {
  Finished,  // see Context::action() and Context::records
  Pending,   // a filter went asynchronous
  Blocked,   // no room downstream
};

/// One instance per worker and pipeline.
class Pipeline {
 public:
  /// Runs the packet through the flow. After a node returned r: jumpIf[r] skips forward to that alias (or ends); else
  /// success goes on, and any other result ends the run unless the filter's unhandled() says otherwise.
  ///
  /// A run that could not finish is repeated from the start with the same packet: keep `context.memory` aside, call
  /// begin(), put it back (with the pending filter's result added by resume()), run again. Nodes with effects
  /// that are in memory are not called again.
  RunState run(Context& context) noexcept;

  /// Adds the result a pending filter has delivered: the node is the one the last Pending run stopped at.
  void resume(Context::Memory& memory, std::uint16_t node, FilterResult result) noexcept;
  /// Node at which the last run of `context` stopped with Pending or Blocked.
  [[nodiscard]] std::uint16_t stopped_at() const noexcept { return stopped_at_; }

  [[nodiscard]] const std::string& name() const noexcept { return name_; }

 private:
  friend class Builder;

  static constexpr std::uint16_t kEnd = 0xFFFF;
  static constexpr std::uint16_t kNoJump = 0xFFFE;
  struct Node {
    Filter* filter = nullptr;  // nullptr: END
    FilterStats* stats = nullptr;
    bool has_effects = false;
    std::vector<std::uint16_t> jump;  // by result: node index, kEnd or kNoJump; may be shorter
  };

  FilterResult call(const Node& node, Context& context, bool timed) noexcept;

  std::string name_;
  std::unique_ptr<WorkerFilterStats> own_stats_;  // where nobody asks for them
  std::vector<std::unique_ptr<Filter>> filters_;
  std::vector<Node> nodes_;
  std::uint32_t runs_ = 0;
  std::uint16_t stopped_at_ = 0;
};

/// Builds filters and flow. nullptr when anything is wrong: all errors (unknown kind, unknown filter in the flow, jump
/// to an unknown or earlier alias, a result the kind does not have, the filter's own) are in the diagnostics. `stats`:
/// where its filters count; outlives the pipeline.
[[nodiscard]] std::unique_ptr<Pipeline> build(const config::PipelineConfig& config, const FilterRegistry& registry,
                                              WorkerFilterStats* stats = nullptr);

}  // namespace mqttproxy::pipeline
