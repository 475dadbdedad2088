#include "kafka/library_stats.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mqttproxy::kafka {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class LibraryStatsTest : public ::testing::Test {
 protected:
  std::string scrape() {
    metrics::Registry registry;
    const auto handle = registry.add([this](metrics::Scrape& scrape) { stats.collect(scrape, "kafka"); });
    return registry.serialize();
  }

  LibraryStats stats;
};

TEST_F(LibraryStatsTest, brokers_are_summed_and_the_slowest_one_counts) {
  stats.take(R"({"msg_cnt": 3, "msg_size": 1234, "topics": {"t": {"partitions": {"0": {"txmsgs": 5}}}}, "brokers": {
      "a:9092/1": {"waitresp_cnt": 1, "waitresp_msg_cnt": 10, "tx": 7, "txbytes": 100, "rtt": {"p99": 1500}},
      "b:9092/2": {"waitresp_cnt": 2, "waitresp_msg_cnt": 20, "tx": 8, "txbytes": 200, "rtt": {"p99": 2500000}}}})");
  const std::string text = scrape();
  for (const char* line : {"mqttproxy_kafka_queue_bytes{producer=\"kafka\"} 1234\n",
                           "mqttproxy_kafka_inflight_requests{producer=\"kafka\"} 3\n",
                           "mqttproxy_kafka_inflight_messages{producer=\"kafka\"} 30\n",
                           "mqttproxy_kafka_requests_total{producer=\"kafka\"} 15\n",
                           "mqttproxy_kafka_sent_bytes_total{producer=\"kafka\"} 300\n",
                           "mqttproxy_kafka_retries_total{producer=\"kafka\"} 0\n",
                           "mqttproxy_kafka_round_trip_seconds{producer=\"kafka\"} 2.5\n"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
}

TEST_F(LibraryStatsTest, the_latest_ones_count) {
  stats.take(R"({"msg_size": 1})");
  stats.take(R"({"msg_size": 2})");
  EXPECT_THAT(scrape(), HasSubstr("mqttproxy_kafka_queue_bytes{producer=\"kafka\"} 2\n"));
}

TEST_F(LibraryStatsTest, what_is_none_says_nothing) {
  EXPECT_THAT(scrape(), Not(HasSubstr("mqttproxy")));
  for (const char* json : {"", "{", "[]", "7"}) {
    stats.take(json);
    EXPECT_THAT(scrape(), Not(HasSubstr("mqttproxy"))) << json;
  }
  stats.take(R"({"msg_size": "many", "brokers": {"a": 7, "b": {"rtt": 3, "tx": []}}})");
  EXPECT_THAT(scrape(), HasSubstr("mqttproxy_kafka_requests_total{producer=\"kafka\"} 0\n"));
}

}  // namespace
}  // namespace mqttproxy::kafka
