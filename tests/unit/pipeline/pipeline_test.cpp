#include "mqttproxy/pipeline/pipeline.hpp"

#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline_yaml.hpp"
#include "scripted_filter.hpp"

namespace mqttproxy::pipeline {
namespace {

using testing::ElementsAre;

constexpr FilterResult kLeft = 1;
constexpr FilterResult kRight = 2;
constexpr FilterResult kUndeclared = 3;
const std::string kSteps = R"(
filters:
- {name: a, kind: Step}
- {name: b, kind: Step}
- {name: c, kind: Step}
)";

class PipelineRun : public testing::Test {
 protected:
  void build_from(const std::string& yaml) {
    document_ = test::read_pipeline(yaml);
    pipeline_ = build(document_.pipeline, registry_);
    ASSERT_NE(pipeline_, nullptr) << document_.errors();
  }

  /// A new packet.
  RunState run() {
    context_.begin(mqtt::PacketType::Publish, {});
    return pipeline_->run(context_);
  }

  /// The same packet once more, as a connection does it.
  RunState repeat(const std::function<void(Context::Memory&)>& change = {}) {
    Context::Memory memory = std::move(context_.memory);
    if (change) change(memory);
    context_.begin(mqtt::PacketType::Publish, {});
    context_.memory = std::move(memory);
    script_.trace.clear();
    return pipeline_->run(context_);
  }

  test::Script script_;
  FilterRegistry registry_ = test::scripted_registry(script_);
  test::PipelineDocument document_;
  std::unique_ptr<Pipeline> pipeline_;
  Context context_;
};

TEST_F(PipelineRun, RunsFiltersInListedOrderWithoutAFlow) {
  build_from(kSteps);
  EXPECT_EQ(run(), RunState::Finished);
  EXPECT_THAT(script_.trace, ElementsAre("a", "b", "c"));
  EXPECT_EQ(pipeline_->name(), "p");
}

TEST_F(PipelineRun, ResultWithoutJumpEndsTheRun) {
  build_from(kSteps);
  script_.results["b"] = {kLeft};
  EXPECT_EQ(run(), RunState::Finished);
  EXPECT_THAT(script_.trace, ElementsAre("a", "b", "unhandled b=1"));
}

TEST_F(PipelineRun, UnhandledResultGoesOnWhenTheFilterSaysSo) {
  build_from(kSteps);
  script_.results["b"] = {kLeft};
  script_.goes_on["b"] = true;
  EXPECT_EQ(run(), RunState::Finished);
  EXPECT_THAT(script_.trace, ElementsAre("a", "b", "unhandled b=1", "c"));
}

TEST_F(PipelineRun, ResultBehindTheDeclaredOnesIsTheFiltersOwn) {
  build_from(kSteps + "flow: [{filter: a, jumpIf: {Left: c}}, {filter: b}, {filter: c}]\n");
  script_.results["a"] = {kUndeclared};
  EXPECT_EQ(run(), RunState::Finished);
  EXPECT_THAT(script_.trace, ElementsAre("a", "unhandled a=3"));
}

TEST_F(PipelineRun, JumpsByResult) {
  build_from(kSteps + "flow: [{filter: a, jumpIf: {Left: c, Right: END}}, {filter: b}, {filter: c}]\n");
  script_.results["a"] = {kLeft, kRight, kSuccess};
  EXPECT_EQ(run(), RunState::Finished);
  EXPECT_THAT(script_.trace, ElementsAre("a", "c"));
  script_.trace.clear();
  EXPECT_EQ(run(), RunState::Finished);
  EXPECT_THAT(script_.trace, ElementsAre("a"));
  script_.trace.clear();
  EXPECT_EQ(run(), RunState::Finished);
  EXPECT_THAT(script_.trace, ElementsAre("a", "b", "c"));
}

TEST_F(PipelineRun, JumpsOnSuccess) {
  build_from(
      kSteps +
      "flow: [{filter: a, jumpIf: {'': c}}, {filter: b}, {filter: c, jumpIf: {'': END}}, {filter: b, alias: d}]\n");
  EXPECT_EQ(run(), RunState::Finished);
  EXPECT_THAT(script_.trace, ElementsAre("a", "c"));
}

TEST_F(PipelineRun, EndNodeEndsTheRunUnlessJumpedOver) {
  build_from(kSteps + "flow: [{filter: a, jumpIf: {Left: c}}, {filter: END}, {filter: c}]\n");
  script_.results["a"] = {kSuccess, kLeft};
  EXPECT_EQ(run(), RunState::Finished);
  EXPECT_THAT(script_.trace, ElementsAre("a"));
  script_.trace.clear();
  EXPECT_EQ(run(), RunState::Finished);
  EXPECT_THAT(script_.trace, ElementsAre("a", "c"));
}

TEST_F(PipelineRun, FilterMayAppearTwiceUnderAnAlias) {
  build_from(kSteps + "flow: [{filter: a, jumpIf: {Left: again}}, {filter: b}, {filter: a, alias: again}]\n");
  script_.results["a"] = {kLeft};
  EXPECT_EQ(run(), RunState::Finished);
  EXPECT_THAT(script_.trace, ElementsAre("a", "a"));
}

TEST_F(PipelineRun, NameUsedBeforeAndAfterANodeMeansTheLaterOne) {
  build_from(kSteps + "flow: [{filter: a}, {filter: b, jumpIf: {Left: a}}, {filter: c}, {filter: a}]\n");
  script_.results["b"] = {kLeft};
  EXPECT_EQ(run(), RunState::Finished);
  EXPECT_THAT(script_.trace, ElementsAre("a", "b", "a"));
}

TEST_F(PipelineRun, PendingFilterIsNotAskedAgain) {
  build_from(kSteps);
  script_.results["b"] = {kPending};
  EXPECT_EQ(run(), RunState::Pending);
  EXPECT_EQ(pipeline_->stopped_at(), 1);
  const auto remember = [&](Context::Memory& memory) { pipeline_->resume(memory, pipeline_->stopped_at(), kLeft); };
  EXPECT_EQ(repeat(remember), RunState::Finished);
  EXPECT_THAT(script_.trace, ElementsAre("a", "replay b=1", "unhandled b=1"));
}

/// Lines of a scrape that begin with `prefix`.
std::vector<std::string> scraped(std::span<const std::unique_ptr<WorkerFilterStats>> workers,
                                 const std::string& prefix) {
  metrics::Registry registry;
  const auto handle = registry.add([&](metrics::Scrape& scrape) { collect(workers, scrape); });
  std::istringstream text(registry.serialize());
  std::vector<std::string> lines;
  for (std::string line; std::getline(text, line);) {
    if (line.starts_with(prefix)) lines.push_back(line);
  }
  return lines;
}

TEST_F(PipelineRun, FiltersCountTheirResultsOnceAndOverReloads) {
  std::vector<std::unique_ptr<WorkerFilterStats>> workers;
  workers.push_back(std::make_unique<WorkerFilterStats>());
  document_ = test::read_pipeline("filters: [{name: a, kind: Step}]\n");
  for (int reload = 0; reload < 2; ++reload) {
    pipeline_ = build(document_.pipeline, registry_, workers.front().get());
    script_.results["a"] = {kSuccess, kPending, kUndeclared};
    EXPECT_EQ(run(), RunState::Finished);
    EXPECT_EQ(run(), RunState::Pending);  // counts when it has its result
    EXPECT_EQ(repeat([&](Context::Memory& memory) { pipeline_->resume(memory, 0, kRight); }), RunState::Finished);
    EXPECT_EQ(run(), RunState::Finished);
  }
  EXPECT_THAT(scraped(workers, "mqttproxy_filter_results_total"),
              ElementsAre(R"(mqttproxy_filter_results_total{pipeline="p",filter="a",result="Left"} 0)",
                          R"(mqttproxy_filter_results_total{pipeline="p",filter="a",result="Right"} 2)",
                          R"(mqttproxy_filter_results_total{pipeline="p",filter="a",result="failed"} 2)",
                          R"(mqttproxy_filter_results_total{pipeline="p",filter="a",result="success"} 2)"));
}

TEST_F(PipelineRun, OneRunInSixteenIsTimedAndWorkersAreAddedUp) {
  std::vector<std::unique_ptr<WorkerFilterStats>> workers;
  document_ = test::read_pipeline("filters: [{name: a, kind: Step}]\n");
  for (int worker = 0; worker < 2; ++worker) {
    workers.push_back(std::make_unique<WorkerFilterStats>());
    pipeline_ = build(document_.pipeline, registry_, workers.back().get());
    for (std::uint32_t i = 0; i < 2 * kTimedRuns; ++i) EXPECT_EQ(run(), RunState::Finished);
  }
  EXPECT_THAT(scraped(workers, "mqttproxy_filter_seconds_count"),
              ElementsAre(R"(mqttproxy_filter_seconds_count{pipeline="p",filter="a"} 4)"));
}

TEST_F(PipelineRun, BlockedRunRepeatsWithoutRepeatingEffects) {
  build_from(R"(
filters:
- {name: a, kind: Step}
- {name: first, kind: Effect}
- {name: second, kind: Effect}
)");
  script_.results["second"] = {kBlocked, kBlocked};
  EXPECT_EQ(run(), RunState::Blocked);
  EXPECT_EQ(pipeline_->stopped_at(), 2);
  EXPECT_EQ(context_.records, 1U);
  EXPECT_EQ(context_.memory.records, 1U);
  EXPECT_THAT(script_.trace, ElementsAre("a", "first", "second"));

  EXPECT_EQ(repeat(), RunState::Blocked);
  EXPECT_THAT(script_.trace, ElementsAre("a", "replay first=0", "second"));
  EXPECT_EQ(context_.memory.records, 1U);

  EXPECT_EQ(repeat(), RunState::Finished);
  EXPECT_THAT(script_.trace, ElementsAre("a", "replay first=0", "second"));
  EXPECT_EQ(context_.records, 2U);
}

TEST_F(PipelineRun, MemoryIsByNodeNotByFilter) {
  build_from(R"(
filters:
- {name: e, kind: Effect}
flow: [{filter: e}, {filter: e, alias: again}]
)");
  script_.results["e"] = {kSuccess, kBlocked};
  EXPECT_EQ(run(), RunState::Blocked);
  EXPECT_EQ(pipeline_->stopped_at(), 1);
  EXPECT_EQ(repeat(), RunState::Finished);
  EXPECT_THAT(script_.trace, ElementsAre("replay e=0", "e"));
  EXPECT_EQ(context_.records, 2U);
}

TEST_F(PipelineRun, RememberedResultJumpsAgain) {
  build_from(R"(
filters:
- {name: e, kind: Effect}
- {name: a, kind: Step}
- {name: f, kind: Effect}
flow: [{filter: e, jumpIf: {Left: f}}, {filter: a}, {filter: f}]
)");
  script_.results["e"] = {kLeft};
  script_.results["f"] = {kBlocked};
  EXPECT_EQ(run(), RunState::Blocked);
  EXPECT_EQ(repeat(), RunState::Finished);
  EXPECT_THAT(script_.trace, ElementsAre("replay e=1", "f"));
}

TEST_F(PipelineRun, NextPacketStartsAfresh) {
  build_from("filters: [{name: e, kind: Effect}]\n");
  EXPECT_EQ(run(), RunState::Finished);
  EXPECT_EQ(run(), RunState::Finished);
  EXPECT_THAT(script_.trace, ElementsAre("e", "e"));
  EXPECT_EQ(context_.records, 1U);
}

TEST_F(PipelineRun, PipelineWithoutFiltersFinishes) {
  build_from("filters: []\n");
  EXPECT_EQ(run(), RunState::Finished);
  EXPECT_EQ(pipeline_->name(), "p");
}

}  // namespace
}  // namespace mqttproxy::pipeline
