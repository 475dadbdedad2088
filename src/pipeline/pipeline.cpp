#include "mqttproxy/pipeline/pipeline.hpp"

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
  std::uint16_t node = 0;
  while (node < nodes_.size()) {
    const Node& current = nodes_[node];
    if (current.filter == nullptr) break;  // END
    FilterResult result = kSuccess;
    if (const FilterResult* known = find_result(std::span(context.memory.results).first(remembered), node)) {
      result = *known;
      current.filter->replay(context, result);
    } else {
      result = current.filter->handle(context);
      if (result == kPending || result == kBlocked) {
        stopped_at_ = node;
        context.memory.records = context.records;
        return result == kPending ? RunState::Pending : RunState::Blocked;
      }
      if (current.has_effects) remember(context.memory, node, result);
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

void Pipeline::remember(Context::Memory& memory, std::uint16_t node, FilterResult result) {
  memory.results.emplace_back(node, result);
}

}  // namespace mqttproxy::pipeline
