#include "load/fanout.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "load/error.hpp"
#include "load/report.hpp"
#include "tests/scripted_server.hpp"

namespace mqttproxy::bench {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::uint64_t kSubscribers = 20;

Options options_for(const ScriptedServer& server) {
  Options options;
  options.mode = Mode::Fanout;
  options.target.port = server.port();
  options.connections = kSubscribers;
  options.concurrency = 3;
  options.topic = "a/b";
  options.messages = 100;
  options.warmup = Seconds{0};
  return options;
}

std::string complaint(Behaviour behaviour, bool by_http = false, Seconds timeout = Seconds{30}) {
  const ScriptedServer server(behaviour);
  Options options = options_for(server);
  options.timeout = timeout;
  if (by_http) options.http_port = server.http_port();
  try {
    (void)run_fanout(options);
  } catch (const LoadError& error) {
    return error.what();
  }
  return "";
}

struct Way {
  unsigned qos;
  bool by_http;
};

class FanoutWays : public ::testing::TestWithParam<Way> {};

TEST_P(FanoutWays, EverySubscriberGetsEveryMessage) {
  ScriptedServer server(Behaviour::Correct);
  Options options = options_for(server);
  options.qos = GetParam().qos;
  if (GetParam().by_http) options.http_port = server.http_port();
  options.pid = ::getpid();
  const FanoutResult result = run_fanout(options);
  server.stop();
  EXPECT_EQ(result.messages, 100u);
  EXPECT_EQ(server.publishes(), 100u);
  EXPECT_EQ(result.deliveries, 100 * kSubscribers);
  EXPECT_EQ(result.latency.count(), 100 * kSubscribers);
  EXPECT_EQ(result.answer_latency.count(), options.qos == 0 && !GetParam().by_http ? 0u : 100u);
  EXPECT_EQ(server.connects(), kSubscribers + (GetParam().by_http ? 0 : 3));
  EXPECT_TRUE(result.server_cpu.has_value());
}

INSTANTIATE_TEST_SUITE_P(All, FanoutWays, ::testing::Values(Way{0, false}, Way{1, false}, Way{0, true}, Way{1, true}));

TEST(Fanout, AcknowledgesEveryDeliveryAtQos1) {
  ScriptedServer server(Behaviour::Correct);
  Options options = options_for(server);
  options.messages = 101;  // the last one alone: when it is done, all before it have been acknowledged and read
  options.concurrency = 1;
  (void)run_fanout(options);
  server.stop();
  EXPECT_GE(server.pubacks(), 100 * kSubscribers);
}

TEST(Fanout, PostsToTheProxy) {
  ScriptedServer server(Behaviour::Correct);
  Options options = options_for(server);
  options.http_port = server.http_port();
  options.proxy = "devices";
  (void)run_fanout(options);
  server.stop();
  EXPECT_THAT(server.requests(), ElementsAre("POST /apis/v1/mqttproxy/devices/topics/publish HTTP/1.1"));
}

TEST(Fanout, MeasuresOnlyWhatFollowsTheWarmup) {
  ScriptedServer server(Behaviour::Correct);
  Options options = options_for(server);
  options.warmup = Seconds{0.02};
  const FanoutResult result = run_fanout(options);
  server.stop();
  EXPECT_EQ(result.messages, 100u);
  EXPECT_EQ(result.latency.count(), 100 * kSubscribers);
  EXPECT_GT(server.publishes(), 100u);
}

TEST(Fanout, ServerThatDeliversWronglyIsAnError) {
  EXPECT_THAT(complaint(Behaviour::RefusesSubscribe), HasSubstr("SUBACK with return code 128"));
  EXPECT_THAT(complaint(Behaviour::RepeatsDelivery), HasSubstr("subscriber 0 got message 1 twice"));
  EXPECT_THAT(complaint(Behaviour::DeliversOtherPayload),
              HasSubstr("got message 0 twice or when it was not under way"));
  EXPECT_THAT(complaint(Behaviour::DeliversAtQos0), HasSubstr("another topic, QoS or size"));
  EXPECT_THAT(complaint(Behaviour::LosesDelivery, false, Seconds{0.3}), HasSubstr("deliveries and 0 SUBACKs missing"));
  EXPECT_THAT(complaint(Behaviour::ForeignPuback), HasSubstr("not its PUBACK"));
  EXPECT_THAT(complaint(Behaviour::RepeatsPuback), HasSubstr("answered twice"));
}

TEST(Fanout, HttpThatDoesNotGoOnIsAnError) {
  EXPECT_THAT(complaint(Behaviour::RefusesHttp, true), HasSubstr("answered with 400"));
  EXPECT_THAT(complaint(Behaviour::ClosesHttp, true), HasSubstr("not kept open"));
}

TEST(Fanout, ReportsPerDeliveryAndPerMessage) {
  FanoutResult result;
  result.messages = 10;
  result.deliveries = 1'000;
  result.elapsed = std::chrono::milliseconds{500};
  result.latency.record(std::chrono::microseconds{80});
  result.server_cpu = CpuTime{std::chrono::microseconds{1'500}, std::chrono::microseconds{500}};
  Options options;
  options.json = true;
  options.http_port = 1;
  const auto json = nlohmann::json::parse(report(options, result));
  EXPECT_EQ(json["publisher"], "http");
  EXPECT_DOUBLE_EQ(json["per_second"], 2'000);
  EXPECT_DOUBLE_EQ(json["server_cpu_us"]["total"], 2.0);
  EXPECT_DOUBLE_EQ(json["server_cpu_us_per_message"]["total"], 200.0);
  EXPECT_DOUBLE_EQ(json["latency_us"]["max"], 80.0);
  EXPECT_TRUE(json["answer_latency_us"].is_null());
}

}  // namespace
}  // namespace mqttproxy::bench
