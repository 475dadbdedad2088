#include "mqttproxy/pipeline/pipeline.hpp"

#include <chrono>
#include <span>
#include <utility>

namespace mqttproxy::pipeline {

namespace {

const FilterResult* find_result(std::span<const std::pair<std::uint16_t, FilterResult>> results,
                                std::uint16_t node) noexcept {
  for (const auto& [at, result] : results) {
    if (at == node) return &result;
  }
  return nullptr;
}

}  // namespace

RunState Pipeline::run(Context& context) noexcept {
  context.records = context.memory.records;
  // What this run adds to memory is of no interest to itself: every node is visited at most once.
  const std::size_t remembered = context.memory.results.size();
  const bool timed = runs_++ % kTimedRuns == 0;
  std::uint16_t node = 0;
  while (node < nodes_.size()) {
    const Node& current = nodes_[node];
    if (current.filter == nullptr) break;  // END
    FilterResult result = kSuccess;
    if (const FilterResult* known = find_result(std::span(context.memory.results).first(remembered), node)) {
      result = *known;
      current.filter->replay(context, result);
    } else {
      result = call(current, context, timed);
      if (result == kPending || result == kBlocked) {
        stopped_at_ = node;
        context.memory.records = context.records;
        return result == kPending ? RunState::Pending : RunState::Blocked;
      }
      current.stats->count(result);
      if (current.has_effects) context.memory.results.emplace_back(node, result);
    }
    const std::uint16_t jump = result < current.jump.size() ? current.jump[result] : kNoJump;
    if (jump != kNoJump) {
      node = jump;  // kEnd lies behind every node
    } else if (result == kSuccess || current.filter->unhandled(context, result)) {
      ++node;
    } else {
      break;
    }
  }
  return RunState::Finished;
}

FilterResult Pipeline::call(const Node& node, Context& context, bool timed) noexcept {
  if (!timed) [[likely]]
    return node.filter->handle(context);
  using Clock = std::chrono::steady_clock;
  const Clock::time_point start = Clock::now();
  const FilterResult result = node.filter->handle(context);
  node.stats->call_ns.add(static_cast<std::uint64_t>(std::chrono::nanoseconds(Clock::now() - start).count()));
  return result;
}

void Pipeline::resume(Context::Memory& memory, std::uint16_t node, FilterResult result) noexcept {
  nodes_[node].stats->count(result);
  memory.results.emplace_back(node, result);
}

}  // namespace mqttproxy::pipeline
