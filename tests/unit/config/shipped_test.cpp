// The configuration files that are installed, and what an editor does to them on the way.
#include <sstream>

#include <gtest/gtest.h>

#include "support.hpp"

namespace mqttproxy::config {
namespace {

const std::filesystem::path kShipped = std::filesystem::path(SHIPPED_DIR) / "mqttproxy.yaml";

TEST(Shipped, mqttproxy_yaml_loads_without_a_warning) {
  const auto loaded = test::load_file(kShipped);
  EXPECT_EQ(loaded.errors, "");
  EXPECT_EQ(loaded.warnings, "");
  ASSERT_TRUE(loaded.config.has_value());
  EXPECT_EQ(loaded.config->proxies.at(0).listeners.at(0).endpoint.port, 1883);
  EXPECT_EQ(loaded.config->node.api.address.host, "127.0.0.1");
  EXPECT_EQ(loaded.config->node.api.address.port, 2381);
}

TEST(Shipped, quickstart_yaml_loads_without_a_warning) {
  const auto loaded = test::load_file(std::filesystem::path(SHIPPED_DIR) / "quickstart.yaml");
  EXPECT_EQ(loaded.errors, "");
  EXPECT_EQ(loaded.warnings, "");
  ASSERT_TRUE(loaded.config.has_value());
  EXPECT_EQ(loaded.config->proxies.at(0).name, "mqttproxy");
  EXPECT_EQ(loaded.config->proxies.at(0).listeners.at(0).endpoint.host, "127.0.0.1");
  EXPECT_EQ(loaded.config->proxies.at(0).listeners.at(0).endpoint.port, 1883);
}

/// Loads or says why not.
void expect_an_answer(const test::TempFile& file, const std::string& text, std::size_t where) {
  file.write(text);
  const auto loaded = test::load_file(file.path());
  EXPECT_EQ(loaded.config.has_value(), loaded.errors.empty()) << where;
}

/// `yaml` without its comments, so that trying every place of it stays quick.
std::string without_comments(const std::string& yaml) {
  std::istringstream lines(yaml);
  std::string out, line;
  while (std::getline(lines, line)) {
    line.erase(std::min(line.size(), line.find('#')));
    line.erase(line.find_last_not_of(' ') + 1);
    if (!line.empty()) out += line + "\n";
  }
  return out;
}

TEST(Shipped, every_prefix_gets_an_answer) {
  const std::string whole = without_comments(test::read_all(kShipped));
  ASSERT_TRUE(test::load_text(whole).config.has_value());
  const test::TempFile file("");
  for (std::size_t length = 0; length <= whole.size(); ++length) {
    expect_an_answer(file, whole.substr(0, length), length);
  }
}

TEST(Shipped, every_line_may_be_missing) {
  const std::string whole = without_comments(test::read_all(kShipped));
  const test::TempFile file("");
  for (std::size_t start = 0; start < whole.size();) {
    const std::size_t end = whole.find('\n', start) + 1;
    expect_an_answer(file, whole.substr(0, start) + whole.substr(end), start);
    start = end;
  }
}

TEST(Shipped, a_wrong_byte_anywhere_gets_an_answer) {
  const std::string whole = without_comments(test::read_all(kShipped));
  const test::TempFile file("");
  constexpr std::string_view kBytes = " :-[{*&\"\t\xFF";
  constexpr std::size_t kStep = 7;  // has no divisor in common with the number of bytes to try
  for (std::size_t i = 0; i < whole.size(); i += kStep) {
    std::string broken = whole;
    broken[i] = kBytes[i % kBytes.size()];
    expect_an_answer(file, broken, i);
  }
}

}  // namespace
}  // namespace mqttproxy::config
