// Filters that return what the test says and note that they were called.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "mqttproxy/pipeline/pipeline.hpp"

namespace mqttproxy::test {

/// Shared by the scripted filters of one registry. Must outlive them.
struct Script {
  std::map<std::string, std::deque<pipeline::FilterResult>> results;  // by filter; success when used up
  std::map<std::string, bool> goes_on;                                // unhandled()
  std::vector<std::string> trace;                                     // "a", "replay a=1", "unhandled a=1" in order
};

class ScriptedFilter final : public pipeline::Filter {
 public:
  ScriptedFilter(Script& script, std::string name, bool effects)
      : script_(script), name_(std::move(name)), effects_(effects) {}

  pipeline::FilterResult handle(pipeline::Context& context) noexcept override {
    script_.trace.push_back(name_);
    std::deque<pipeline::FilterResult>& results = script_.results[name_];
    pipeline::FilterResult result = pipeline::kSuccess;
    if (!results.empty()) {
      result = results.front();
      results.pop_front();
    }
    if (effects_ && result == pipeline::kSuccess) ++context.records;
    return result;
  }
  [[nodiscard]] bool has_effects() const noexcept override { return effects_; }
  void replay(pipeline::Context& /*context*/, pipeline::FilterResult result) noexcept override {
    script_.trace.push_back("replay " + name_ + "=" + std::to_string(result));
  }
  bool unhandled(pipeline::Context& /*context*/, pipeline::FilterResult result) noexcept override {
    script_.trace.push_back("unhandled " + name_ + "=" + std::to_string(result));
    return script_.goes_on[name_];
  }

 private:
  Script& script_;
  std::string name_;
  bool effects_;
};

/// Kinds Step (no effects) and Effect (counts a record on success), both with the results Left and Right.
inline pipeline::FilterRegistry scripted_registry(Script& script) {
  pipeline::FilterRegistry registry;
  for (const bool effects : {false, true}) {
    registry.add({effects ? "Effect" : "Step", {"", "Left", "Right"}, [&script, effects](const auto& build) {
                    return std::make_unique<ScriptedFilter>(script, build.config.name, effects);
                  }});
  }
  registry.add({"Broken", {"", "Left"}, [](const pipeline::FilterBuild& build) {
                  build.config.value.error("is broken");
                  return nullptr;
                }});
  return registry;
}

}  // namespace mqttproxy::test
