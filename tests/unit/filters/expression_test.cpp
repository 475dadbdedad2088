#include "filters/expression.hpp"

#include <stdexcept>

#include <gtest/gtest.h>
#include <re2/re2.h>

namespace mqttproxy::filters {
namespace {

TEST(Expression, PlainTextTakesTheFastPath) {
  for (const char* pattern :
       {"", "iphone", ".*", "gate*", "^gateway$", "^gate", "way$", "^", "$", "a*b*", "^a.*", "é"}) {
    EXPECT_TRUE(Expression(pattern).is_literal()) << pattern;
  }
  for (const char* pattern : {"a.c", "a|b*", "[ab]", "\\.*", "a\\.*", "\\d*", "a+", "a?", "(a)*", "a{2}", "é*", "a*$",
                              "(?i)a", "\\$", "a^", "$a"}) {
    EXPECT_FALSE(Expression(pattern).is_literal()) << pattern;
  }
}

/// Both paths are the same function.
TEST(Expression, AgreesWithRe2) {
  const char* patterns[] = {"",      "iphone", ".*",      "gate*", "^gateway$", "^gate", "way$",   "^",
                            "$",     "^$",     "a*b*",    "^a.*",  "é",         "a.c",   "a|b*",   "[ab]",
                            "a\\.*", "\\d*",   "(?i)gat", "a*$",   "\\pL$",     "^ab*",  "x.*y.*", "ab.*"};
  const char* texts[] = {"",    "iphone", "myiphone7", "gateway", "navigator", "gat",      "ga",  "a",    "b",    "ab",
                         "abb", "a.b",    "abc",       "é",       "xé",        "line\nab", "way", "x\ny", "GATE", "7"};
  for (const char* pattern : patterns) {
    const Expression expression(pattern);
    const RE2 reference(pattern);
    for (const char* text : texts) {
      EXPECT_EQ(expression.found_in(text), RE2::PartialMatch(text, reference)) << pattern << " in " << text;
    }
  }
}

TEST(Expression, SearchesAnywhere) {
  EXPECT_TRUE(Expression("gate*").found_in("navigator"));
  EXPECT_TRUE(Expression("dir*").found_in("dixie"));
  EXPECT_TRUE(Expression("iphone").found_in("my-iphone-7"));
  EXPECT_FALSE(Expression("^gateway$").found_in("gateways"));
}

TEST(Expression, BadPatternsThrowWithTheReason) {
  for (const char* pattern : {"][", "(", "a**b(", "(?P<name>", "(?=a)", "\\"}) {
    EXPECT_THROW(Expression{pattern}, std::invalid_argument) << pattern;
  }
}

/// Seconds with a backtracking matcher, and a crash with std::regex.
TEST(Expression, HostileTextIsSearchedInLinearTime) {
  const std::string text(65'000, 'a');
  EXPECT_FALSE(Expression("^(a+)+$").found_in(text + "!"));
  EXPECT_TRUE(Expression(".*").found_in(text));
  EXPECT_TRUE(Expression("(.*)").found_in(text));
}

}  // namespace
}  // namespace mqttproxy::filters
