#include "load/modes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "load/error.hpp"
#include "load/report.hpp"
#include "load/uplink.hpp"
#include "tests/scripted_server.hpp"

namespace mqttproxy::bench {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

Options options_for(const ScriptedServer& server) {
  Options options;
  options.target.port = server.port();
  options.connections = 3;
  options.window = 4;
  options.messages = 300;
  options.warmup = Seconds{0};
  return options;
}

std::string uplink_complaint(Behaviour behaviour, Seconds timeout = Seconds{30}) {
  const ScriptedServer server(behaviour);
  Options options = options_for(server);
  options.timeout = timeout;
  try {
    (void)run_uplink(options);
  } catch (const LoadError& error) {
    return error.what();
  }
  return "";
}

class UplinkQos : public ::testing::TestWithParam<unsigned> {};

TEST_P(UplinkQos, SendsExactlyTheMessagesAskedFor) {
  ScriptedServer server(Behaviour::Correct);
  Options options = options_for(server);
  options.qos = GetParam();
  options.pid = ::getpid();
  const UplinkResult result = run_uplink(options);
  server.stop();
  EXPECT_EQ(result.messages, 300u);
  EXPECT_EQ(server.publishes(), 300u);
  EXPECT_EQ(server.connects(), 3u);
  EXPECT_EQ(server.topics().size(), 3u) << "%c is each connection's number";
  EXPECT_EQ(result.latency.count(), GetParam() == 0 ? 0u : 300u);
  EXPECT_GT(result.server_resident_bytes.value_or(0), 0u);
}

INSTANTIATE_TEST_SUITE_P(AllLevels, UplinkQos, ::testing::Values(0u, 1u, 2u));

TEST(Uplink, PacedSpreadsMessagesOverTheConnections) {
  ScriptedServer server(Behaviour::Correct);
  Options options = options_for(server);
  options.rate = 100'000;
  const UplinkResult result = run_uplink(options);
  server.stop();
  EXPECT_EQ(server.publishes(), 300u);
  EXPECT_EQ(result.latency.count(), 300u);
  EXPECT_EQ(server.topics().size(), 3u);
}

TEST(Uplink, MeasuresOnlyWhatFollowsTheWarmup) {
  ScriptedServer server(Behaviour::Correct);
  Options options = options_for(server);
  options.warmup = Seconds{0.02};
  const UplinkResult result = run_uplink(options);
  server.stop();
  EXPECT_EQ(result.latency.count(), 300u);
  EXPECT_GT(server.publishes(), 300u);
}

TEST(Uplink, ServerThatAcknowledgesWronglyIsAnError) {
  EXPECT_THAT(uplink_complaint(Behaviour::SwapsPubacks), HasSubstr("out of order"));
  EXPECT_THAT(uplink_complaint(Behaviour::RepeatsPuback), HasSubstr("not under way"));
  EXPECT_THAT(uplink_complaint(Behaviour::ForeignPuback), HasSubstr("not under way"));
}

TEST(Uplink, ServerThatRefusesClosesOrStallsIsAnError) {
  EXPECT_THAT(uplink_complaint(Behaviour::RefusesConnect), HasSubstr("return code 5"));
  EXPECT_THAT(uplink_complaint(Behaviour::ClosesOnPublish), ::testing::Not(IsEmpty()));
  EXPECT_THAT(uplink_complaint(Behaviour::NeverAcknowledges, Seconds{0.01}), HasSubstr("12 outstanding"));
}

TEST(Uplink, ReportsAsJson) {
  UplinkResult result;
  result.messages = 1'000;
  result.elapsed = std::chrono::milliseconds{500};
  result.latency.record(std::chrono::microseconds{80});
  result.server_cpu = CpuTime{std::chrono::microseconds{1'500}, std::chrono::microseconds{500}};
  Options options;
  options.json = true;
  const auto json = nlohmann::json::parse(report(options, result));
  EXPECT_DOUBLE_EQ(json["per_second"], 2'000);
  EXPECT_DOUBLE_EQ(json["server_cpu_us"]["total"], 2.0);
  EXPECT_DOUBLE_EQ(json["server_cpu_us"]["user"], 1.5);
  EXPECT_DOUBLE_EQ(json["latency_us"]["max"], 80.0);
  EXPECT_TRUE(json["server_resident_bytes"].is_null());
}

TEST(Connect, OpensAndClosesEveryConnection) {
  ScriptedServer server(Behaviour::Correct);
  Options options = options_for(server);
  options.count = 40;
  options.concurrency = 7;
  const ConnectResult result = run_connect(options);
  server.stop();
  EXPECT_EQ(result.latency.count(), 40u);
  EXPECT_EQ(server.connects(), 80u) << "once to warm up";
  EXPECT_EQ(server.disconnects(), 80u);
}

TEST(Idle, ReportsMemoryPerConnection) {
  const ScriptedServer server(Behaviour::Correct);
  Options options = options_for(server);
  options.connections = 20;
  options.hold = Seconds{0};
  options.pid = ::getpid();
  const IdleResult result = run_idle(options);
  EXPECT_GT(result.resident_before.value_or(0), 0u);
  options.json = true;
  EXPECT_TRUE(nlohmann::json::parse(report(options, result))["resident_bytes_per_connection"].is_number());
}

TEST(Idle, ServerThatClosesAnIdleConnectionIsAnError) {
  const ScriptedServer server(Behaviour::ClosesAfterConnack);
  Options options = options_for(server);
  options.hold = Seconds{30};
  EXPECT_THROW((void)run_idle(options), LoadError);
}

TEST(First, IsOneAcknowledgedMessage) {
  ScriptedServer server(Behaviour::Correct);
  const FirstResult result = run_first(options_for(server));
  EXPECT_GE(result.acknowledged_at, result.connected_at);
  server.stop();
  EXPECT_EQ(server.publishes(), 1u);
}

TEST(First, NobodyThereIsAnError) {
  std::uint16_t port = 0;
  {
    const ScriptedServer gone(Behaviour::Correct);
    port = gone.port();
  }
  Options options;
  options.target.port = port;
  options.timeout = Seconds{0.01};
  EXPECT_THROW((void)run_first(options), LoadError);
}

}  // namespace
}  // namespace mqttproxy::bench
