// A table of wrong configurations: what is reported, and where.
#pragma once

#include <string>

#include <gtest/gtest.h>

#include "filter_bench.hpp"

namespace mqttproxy::test {

struct ConfigCase {
  const char* name;
  const char* yaml;
  const char* problems;  // whole lines
};

inline void expect_errors(const ConfigCase& test_case) {
  FilterBench bench;
  EXPECT_FALSE(bench.load(test_case.yaml));
  EXPECT_EQ(bench.document.errors(), test_case.problems);
}

inline void expect_warnings(const ConfigCase& test_case) {
  FilterBench bench;
  EXPECT_TRUE(bench.load(test_case.yaml)) << bench.document.errors();
  EXPECT_EQ(bench.document.warnings(), test_case.problems);
}

inline std::string case_name(const testing::TestParamInfo<ConfigCase>& info) {
  return info.param.name;
}

}  // namespace mqttproxy::test
