#include "mqttproxy/util/recent_log.hpp"

#include <gtest/gtest.h>

#include "mqttproxy/util/log.hpp"

namespace mqttproxy::util {
namespace {

using namespace std::chrono_literals;

const RecentLog::Clock::time_point kStart = RecentLog::Clock::from_time_t(1'767'225'600);

TEST(RecentLog, TheKindIsWhatALineBeginsWith) {
  const std::pair<const char*, const char*> cases[] = {
      {"kafka not ready producer=\"kafka\" reason=\"…\"", "kafka not ready"},
      {"start failed: listen on 127.0.0.1:1", "start failed"},
      {"configuration /etc/x.yaml:9:5: no", "configuration"},
      {"watchdog: worker 1 does not answer", "watchdog"},
      {"limits.maxConnections=5 is above", "other"},
      {"librdkafka", "librdkafka"},
      {"", "other"},
      {" a", "other"},
      {": a", "other"},
  };
  for (const auto& [text, kind] : cases) EXPECT_EQ(RecentLog::kind_of(text), kind) << text;
}

TEST(RecentLog, KeepsTheLatestOfEachKindNewestFirst) {
  RecentLog log;
  for (int i = 0; i < 50; ++i)
    log.note("often", spdlog::level::err, std::to_string(i), kStart + std::chrono::seconds(i));
  log.note("once", spdlog::level::warn, "x", kStart + 10s);
  const auto kinds = log.kinds();
  ASSERT_EQ(kinds.size(), 2U);
  EXPECT_EQ(kinds[0].name, "often");
  EXPECT_EQ(kinds[0].count, 50U);
  ASSERT_EQ(kinds[0].latest.size(), RecentLog::kMaxLines);
  EXPECT_EQ(kinds[0].latest.front().text, "49");
  EXPECT_EQ(kinds[0].latest.back().text, "30");
  EXPECT_EQ(kinds[0].latest.front().level, spdlog::level::err);
  EXPECT_EQ(kinds[1].name, "once");
}

TEST(RecentLog, IsBounded) {
  RecentLog log;
  for (int i = 0; i < 1'000; ++i) log.note("kind" + std::to_string(i), spdlog::level::warn, std::string(10'000, 'x'));
  const auto kinds = log.kinds();
  EXPECT_EQ(kinds.size(), RecentLog::kMaxKinds);
  EXPECT_EQ(kinds.front().name, RecentLog::kOther) << "the newest";
  EXPECT_EQ(kinds.front().count, 1'000 - RecentLog::kMaxKinds + 1);
  for (const auto& kind : kinds) EXPECT_EQ(kind.latest.front().text.size(), RecentLog::kMaxBytes);
}

TEST(RecentLog, HasTheWarningsAndErrorsOfTheLog) {
  const auto before = spdlog::default_logger();
  init_logging(spdlog::level::info, LogFormat::Json);
  spdlog::info("all is well with=this");
  spdlog::warn("all is odd with=this");
  spdlog::set_default_logger(before);
  const auto kinds = recent_log().kinds();
  ASSERT_EQ(kinds.size(), 1U);
  EXPECT_EQ(kinds[0].name, "all is odd");
  EXPECT_EQ(kinds[0].latest.front().text, "all is odd with=this");
}

}  // namespace
}  // namespace mqttproxy::util
