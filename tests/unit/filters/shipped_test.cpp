// The configurations that are installed and shown build without a complaint.
#include <filesystem>

#include <gtest/gtest.h>

#include "mqttproxy/config/config.hpp"

#include "filter_bench.hpp"

namespace mqttproxy::filters {
namespace {

class Shipped : public testing::TestWithParam<const char*> {};

TEST_P(Shipped, Builds) {
  const auto file = std::filesystem::path(SHIPPED_DIR) / GetParam();
  const auto diagnostics = std::make_shared<config::Diagnostics>(file.string());
  const auto config = config::load(file, diagnostics);
  ASSERT_TRUE(config.has_value()) << diagnostics->format_errors();
  const test::FilterBench bench;
  for (const config::PipelineConfig& pipeline : config->pipelines) {
    EXPECT_NE(pipeline::build(pipeline, bench.registry), nullptr);
  }
  EXPECT_EQ(diagnostics->format_errors(), "");
  EXPECT_EQ(diagnostics->format_warnings(), "");
}

INSTANTIATE_TEST_SUITE_P(All, Shipped, testing::Values("mqttproxy.yaml", "quickstart.yaml"),
                         [](const auto& param_info) {
                           const std::string name = param_info.param;
                           return name.substr(0, name.find('.'));
                         });

}  // namespace
}  // namespace mqttproxy::filters
