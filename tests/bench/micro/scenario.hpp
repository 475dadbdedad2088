// Single steps of the packet path, each done many times over: their instructions are counted (check.py).
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

namespace mqttproxy::bench::micro {

/// One time of the step that is counted. `turn` counts from 0, so that it need not be the same each time. Returns a
/// number that depends on the outcome, so that nothing is optimized away.
using Step = std::function<std::uint64_t(std::uint64_t turn)>;

struct Scenario {
  std::string_view name;
  std::uint64_t turns;
  std::function<Step()> prepare;  // not counted
};

[[nodiscard]] std::vector<Scenario> codec_scenarios();
[[nodiscard]] std::vector<Scenario> tree_scenarios();
[[nodiscard]] std::vector<Scenario> filter_scenarios();
[[nodiscard]] std::vector<Scenario> kafka_scenarios();

}  // namespace mqttproxy::bench::micro
