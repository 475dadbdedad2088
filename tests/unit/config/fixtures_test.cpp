// Every file in fixtures/ is a case: it must load with exactly the problems that its own lines "# error: …" and
// "# warning: …" state, in the order of the file's lines.
#include <algorithm>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support.hpp"

namespace mqttproxy::config {
namespace {

std::vector<std::string> fixtures() {
  std::vector<std::string> names;
  for (const auto& file : std::filesystem::directory_iterator(FIXTURES_DIR)) names.push_back(file.path().stem());
  std::ranges::sort(names);
  return names;
}

std::string stated(const std::filesystem::path& file, const std::string& mark) {
  std::istringstream lines(test::read_all(file));
  std::string out, line;
  while (std::getline(lines, line)) {
    if (line.starts_with(mark)) out += line.substr(mark.size()) + "\n";
  }
  return out;
}

class Fixture : public testing::TestWithParam<std::string> {};

TEST_P(Fixture, has_exactly_the_stated_problems) {
  const test::Variable port("MQTTPROXY_TEST_PORT", "1884");
  const test::Variable word("MQTTPROXY_TEST_WORD", "hunter2");
  unsetenv("MQTTPROXY_TEST_NONE");
  const auto file = std::filesystem::path(FIXTURES_DIR) / (GetParam() + ".yaml");
  const test::Loaded loaded = test::load_file(file);
  EXPECT_EQ(loaded.errors, stated(file, "# error: "));
  EXPECT_EQ(loaded.warnings, stated(file, "# warning: "));
  EXPECT_EQ(loaded.config.has_value(), loaded.errors.empty());
  EXPECT_THAT(loaded.errors + loaded.warnings, testing::Not(testing::HasSubstr("hunter2")));
}

INSTANTIATE_TEST_SUITE_P(All, Fixture, testing::ValuesIn(fixtures()), [](const auto& each) { return each.param; });

/// What a factory of TopicMapper asks for in one policy.
void read_policies(const Value& mapper) {
  Object filter(mapper);
  for (const Value& item : filter.find("policies")->as_list()) {
    Object policy(item);
    for (const char* key : {"name", "topicIndex", "route", "headers"}) (void)policy.find_set(key);
    policy.finish();
  }
}

TEST(PublishedExample, numbers_beside_headers_are_explained_per_policy) {
  const auto loaded = test::load_file(std::filesystem::path(FIXTURES_DIR) / "published_headers.yaml");
  ASSERT_TRUE(loaded.config.has_value());
  read_policies(loaded.config->pipelines.at(0).filters.at(0).value);
  const std::string path = ": this key stands beside \"headers\", which is empty: indent 0, 1, 2 … below headers\n";
  EXPECT_EQ(loaded.config->diagnostics->format_errors(),
            "f:34:5: Pipeline pipeline-mqtt-publish: filters[0].policies[0].0" + path +
                "f:45:5: Pipeline pipeline-mqtt-publish: filters[0].policies[1].0" + path);
}

TEST(PublishedExample, corrected_it_has_no_problem) {
  const auto loaded = test::load_file(std::filesystem::path(FIXTURES_DIR) / "published_corrected.yaml");
  ASSERT_TRUE(loaded.config.has_value());
  ASSERT_EQ(loaded.config->pipelines.at(1).name, "pipeline-mqtt-publish");
  read_policies(loaded.config->pipelines.at(1).filters.at(0).value);
  EXPECT_EQ(loaded.config->diagnostics->format_errors(), "");
}

}  // namespace
}  // namespace mqttproxy::config
