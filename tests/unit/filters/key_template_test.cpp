#include "filters/key_template.hpp"

#include <gtest/gtest.h>

namespace mqttproxy::filters {
namespace {

const KeyTemplate::Fields kFields{"client", "user", "a/b"};

std::optional<std::string> expand(std::string_view text, const KeyTemplate::Fields& fields = kFields) {
  std::string problem;
  std::string buffer = "left over";
  const auto key = KeyTemplate::parse(text, problem);
  EXPECT_TRUE(key.has_value()) << problem;
  if (!key) return std::nullopt;
  const auto expanded = key->expand(fields, buffer);
  return expanded ? std::optional<std::string>(*expanded) : std::nullopt;
}

TEST(KeyTemplate, ReplacesPlaceholders) {
  EXPECT_EQ(expand("%c"), "client");
  EXPECT_EQ(expand("%u"), "user");
  EXPECT_EQ(expand("%t"), "a/b");
  EXPECT_EQ(expand("%u:%c"), "user:client");
  EXPECT_EQ(expand("100%% of %t, %c."), "100% of a/b, client.");
  EXPECT_EQ(expand("fixed"), "fixed");
  EXPECT_EQ(expand("%%c"), "%c");
}

TEST(KeyTemplate, EmptyTemplateIsNoKeyAndAnEmptyValueIsAnEmptyKey) {
  EXPECT_EQ(expand(""), std::nullopt);
  EXPECT_EQ(expand("%u", {"client", "", "t"}), "");
}

TEST(KeyTemplate, RefusesOtherPlaceholders) {
  for (const char* text : {"%", "%x", "a%", "%C", "%%%", "% c"}) {
    std::string problem;
    EXPECT_FALSE(KeyTemplate::parse(text, problem).has_value()) << text;
    EXPECT_EQ(problem, "% must be followed by c (client id), u (user name), t (MQTT topic) or % (a percent sign)");
  }
}

}  // namespace
}  // namespace mqttproxy::filters
