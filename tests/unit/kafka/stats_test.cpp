#include "kafka/stats.hpp"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mqttproxy::kafka {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string scrape(const Stats& stats) {
  metrics::Registry registry;
  const auto handle = registry.add([&](metrics::Scrape& into) { stats.collect(into, "p"); });
  return registry.serialize();
}

TEST(Stats, ReportsByOutcome) {
  Stats stats;
  stats.report(Outcome::Stored, 3);
  stats.report(Outcome::Unknown);
  const std::string text = scrape(stats);
  EXPECT_THAT(text, HasSubstr(R"(mqttproxy_kafka_reports_total{producer="p",outcome="stored"} 3)"));
  EXPECT_THAT(text, HasSubstr(R"(mqttproxy_kafka_reports_total{producer="p",outcome="refused"} 0)"));
  EXPECT_THAT(text, HasSubstr(R"(mqttproxy_kafka_reports_total{producer="p",outcome="unknown"} 1)"));
}

TEST(Stats, ErrorsByNameAndOnlyThoseThatHappened) {
  Stats stats;
  stats.error(RD_KAFKA_RESP_ERR__TRANSPORT);
  stats.error(RD_KAFKA_RESP_ERR__TRANSPORT);
  stats.error(RD_KAFKA_RESP_ERR_INVALID_RECORD);
  const std::string text = scrape(stats);
  EXPECT_THAT(text, HasSubstr(R"(mqttproxy_kafka_errors_total{producer="p",code="_TRANSPORT"} 2)"));
  EXPECT_THAT(text, HasSubstr(R"(mqttproxy_kafka_errors_total{producer="p",code="INVALID_RECORD"} 1)"));
  EXPECT_THAT(text, Not(HasSubstr("_RESOLVE")));
}

TEST(Stats, CodesWithoutANameAreUnknown) {
  Stats stats;
  stats.error(static_cast<rd_kafka_resp_err_t>(250));
  stats.error(static_cast<rd_kafka_resp_err_t>(-250));
  EXPECT_THAT(scrape(stats), HasSubstr(R"(mqttproxy_kafka_errors_total{producer="p",code="UNKNOWN"} 2)"));
}

TEST(Stats, DeliveryTimesFallIntoTheirBuckets) {
  Stats stats;
  stats.delivered(1'000);        // on a bound: below it
  stats.delivered(1'001);        // above it
  stats.delivered(100'000'000);  // beyond all
  stats.delivered(-1);           // not known: not counted
  const std::string text = scrape(stats);
  EXPECT_THAT(text, HasSubstr(R"(mqttproxy_kafka_delivery_seconds_bucket{producer="p",le="0.001"} 1)"));
  EXPECT_THAT(text, HasSubstr(R"(mqttproxy_kafka_delivery_seconds_bucket{producer="p",le="0.0025"} 2)"));
  EXPECT_THAT(text, HasSubstr(R"(mqttproxy_kafka_delivery_seconds_bucket{producer="p",le="+Inf"} 3)"));
  EXPECT_THAT(text, HasSubstr(R"(mqttproxy_kafka_delivery_seconds_count{producer="p"} 3)"));
}

}  // namespace
}  // namespace mqttproxy::kafka
