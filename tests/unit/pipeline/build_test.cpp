// Every mistake a flow can hold, with the place it is reported at.
#include <algorithm>

#include <gtest/gtest.h>

#include "pipeline_yaml.hpp"
#include "scripted_filter.hpp"

namespace mqttproxy::pipeline {
namespace {

struct Case {
  const char* name;
  const char* yaml;
  const char* errors;
};

class PipelineBuild : public testing::TestWithParam<Case> {};

TEST_P(PipelineBuild, ReportsWithPlace) {
  test::Script script;
  const FilterRegistry registry = test::scripted_registry(script);
  const test::PipelineDocument document = test::read_pipeline(GetParam().yaml);
  EXPECT_EQ(build(document.pipeline, registry), nullptr);
  EXPECT_EQ(document.errors(), GetParam().errors);
}

const Case kCases[] = {
    {"UnknownKind", R"(filters:
- name: a
  kind: Stp
)",
     "test.yaml:3:3: Pipeline p: filters[0].kind: kind Stp not found; allowed: Broken, Effect, Step; did you mean "
     "Step?\n"},
    {"UnknownKindLikeNoOther", R"(filters:
- name: a
  kind: ConnectControl
)",
     "test.yaml:3:3: Pipeline p: filters[0].kind: kind ConnectControl not found; allowed: Broken, Effect, Step\n"},
    {"UnknownFilter", R"(filters: [{name: a, kind: Step}]
flow:
- filter: a
- filter: b
)",
     "test.yaml:4:3: Pipeline p: flow[1].filter: filter b not found\n"},
    {"UnknownTarget", R"(filters: [{name: a, kind: Step}, {name: b, kind: Step}]
flow:
- filter: a
  jumpIf:
    Left: c
- filter: b
)",
     "test.yaml:5:5: Pipeline p: flow[0].jumpIf: target filter c not found\n"},
    {"EarlierTarget", R"(filters: [{name: a, kind: Step}, {name: b, kind: Step}]
flow:
- filter: a
- filter: b
  jumpIf:
    Right: a
)",
     "test.yaml:6:5: Pipeline p: flow[1].jumpIf: target filter a is not after this node: jumps go forward only\n"},
    {"OwnTarget", R"(filters: [{name: a, kind: Step}]
flow:
- filter: a
  jumpIf:
    Left: a
)",
     "test.yaml:5:5: Pipeline p: flow[0].jumpIf: target filter a is not after this node: jumps go forward only\n"},
    {"NameOfAnAliasedFilter", R"(filters: [{name: a, kind: Step}, {name: b, kind: Step}]
flow:
- filter: a
  jumpIf:
    Left: b
- filter: b
  alias: c
)",
     "test.yaml:5:5: Pipeline p: flow[0].jumpIf: target filter b not found\n"},
    {"DuplicatedTarget", R"(filters: [{name: a, kind: Step}, {name: b, kind: Step}]
flow:
- filter: a
  jumpIf:
    Left: b
- filter: b
- filter: b
)",
     "test.yaml:5:5: Pipeline p: flow[0].jumpIf: duplicated filter name/alias b: give the target an alias of its "
     "own\n"},
    {"UndeclaredResult", R"(filters: [{name: a, kind: Step}]
flow:
- filter: a
  jumpIf:
    AuthFail: END
)",
     "test.yaml:5:5: Pipeline p: flow[0].jumpIf: filter a: result AuthFail is not in [\"\", Left, Right]\n"},
    {"JumpFromEnd", R"(filters: [{name: a, kind: Step}]
flow:
- filter: END
  jumpIf:
    Left: a
- filter: a
)",
     "test.yaml:5:5: Pipeline p: flow[0].jumpIf: filter END has no results to jump on\n"},
    {"FactorysOwnError", R"(filters:
- {name: a, kind: Broken}
)",
     "test.yaml:2:3: Pipeline p: filters[0]: is broken\n"},
    {"EverythingAtOnce", R"(filters:
- {name: a, kind: Broken}
- {name: b, kind: Nothing}
flow:
- filter: a
  jumpIf: {Nix: c}
- filter: b
- filter: d
)",
     "test.yaml:2:3: Pipeline p: filters[0]: is broken\n"
     "test.yaml:3:13: Pipeline p: filters[1].kind: kind Nothing not found; allowed: Broken, Effect, Step\n"
     "test.yaml:6:12: Pipeline p: flow[0].jumpIf: filter a: result Nix is not in [\"\", Left]\n"
     "test.yaml:6:12: Pipeline p: flow[0].jumpIf: target filter c not found\n"
     "test.yaml:8:3: Pipeline p: flow[2].filter: filter d not found\n"},
};

INSTANTIATE_TEST_SUITE_P(Mistakes, PipelineBuild, testing::ValuesIn(kCases),
                         [](const auto& param_info) { return std::string(param_info.param.name); });

TEST(PipelineBuildAgain, FailsAgainThoughItsErrorsAreKnown) {
  test::Script script;
  const FilterRegistry registry = test::scripted_registry(script);
  const test::PipelineDocument document = test::read_pipeline(R"(filters: [{name: a, kind: Step}]
flow:
- filter: a
  jumpIf: {Left: nowhere}
)");
  EXPECT_EQ(build(document.pipeline, registry), nullptr);
  EXPECT_EQ(build(document.pipeline, registry), nullptr);
  EXPECT_EQ(std::ranges::count(document.errors(), '\n'), 1);
}

}  // namespace
}  // namespace mqttproxy::pipeline
