#include "kafka/library_log.hpp"

#include <gtest/gtest.h>

namespace mqttproxy::kafka {
namespace {

constexpr int kError = 3;
constexpr int kWarning = 4;
constexpr int kNotice = 5;

TEST(LibraryLog, ConnectionTroubleIsLeftToTheHealthProbe) {
  LibraryLog log("p");
  const LibraryLog::Clock::time_point now{};
  EXPECT_FALSE(log.is_due(kError, "FAIL", now));
  EXPECT_FALSE(log.is_due(kError, "ERROR", now));
  EXPECT_FALSE(log.is_due(kWarning, "REQTMOUT", now));
}

TEST(LibraryLog, InformationalLinesAreNotDue) {
  LibraryLog log("p");
  EXPECT_FALSE(log.is_due(kNotice, "CONFWARN", {}));
}

TEST(LibraryLog, AFacilityRepeatsOnlyAfterHalfAMinute) {
  LibraryLog log("p");
  const LibraryLog::Clock::time_point start{};
  EXPECT_TRUE(log.is_due(kWarning, "GETPID", start));
  EXPECT_FALSE(log.is_due(kWarning, "GETPID", start + std::chrono::seconds(29)));
  EXPECT_TRUE(log.is_due(kWarning, "CONFWARN", start + std::chrono::seconds(1)));
  EXPECT_TRUE(log.is_due(kWarning, "GETPID", start + std::chrono::seconds(30)));
  EXPECT_FALSE(log.is_due(kWarning, "GETPID", start + std::chrono::seconds(59)));
}

}  // namespace
}  // namespace mqttproxy::kafka
