#include "mqttproxy/config/diagnostics.hpp"

#include <gtest/gtest.h>

namespace mqttproxy::config {
namespace {

TEST(Diagnostics, is_ok_until_the_first_error) {
  Diagnostics diagnostics("a.yaml");
  EXPECT_TRUE(diagnostics.ok());
  diagnostics.warning({1, 1}, "p", "odd");
  EXPECT_TRUE(diagnostics.ok());
  diagnostics.error({1, 1}, "p", "wrong");
  EXPECT_FALSE(diagnostics.ok());
}

TEST(Diagnostics, sorts_by_line_then_column_and_keeps_the_order_of_one_place) {
  Diagnostics diagnostics("a.yaml");
  diagnostics.error({10, 3}, "p", "fourth");
  diagnostics.error({2, 7}, "p", "second");
  diagnostics.error({2, 1}, "p", "first");
  diagnostics.error({2, 7}, "p", "third");
  EXPECT_EQ(diagnostics.format_errors(),
            "a.yaml:2:1: p: first\n"
            "a.yaml:2:7: p: second\n"
            "a.yaml:2:7: p: third\n"
            "a.yaml:10:3: p: fourth\n");
}

TEST(Diagnostics, line_zero_means_the_file_and_comes_first) {
  Diagnostics diagnostics("a.yaml");
  diagnostics.error({1, 1}, "p", "wrong");
  diagnostics.error({}, "", "empty");
  EXPECT_EQ(diagnostics.format_errors(), "a.yaml: empty\na.yaml:1:1: p: wrong\n");
}

TEST(Diagnostics, the_same_problem_counts_once) {
  Diagnostics diagnostics("a.yaml");
  for (int worker = 0; worker < 3; ++worker) {
    diagnostics.error({4, 1}, "p", "wrong");
    diagnostics.warning({5, 1}, "p", "odd");
  }
  diagnostics.error({4, 1}, "q", "wrong");
  EXPECT_EQ(diagnostics.errors().size(), 2U);
  EXPECT_EQ(diagnostics.warnings().size(), 1U);
}

TEST(Diagnostics, keeps_errors_and_warnings_apart) {
  Diagnostics diagnostics("a.yaml");
  diagnostics.warning({5, 1}, "", "odd");
  EXPECT_EQ(diagnostics.format_errors(), "");
  EXPECT_EQ(diagnostics.format_warnings(), "a.yaml:5:1: odd\n");
}

}  // namespace
}  // namespace mqttproxy::config
