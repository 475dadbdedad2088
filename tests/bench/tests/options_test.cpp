#include "load/options.hpp"

#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mqttproxy::bench {
namespace {

using ::testing::HasSubstr;

Options parse(const std::vector<const char*>& arguments) {
  return parse_options(arguments);
}

std::string complaint(const std::vector<const char*>& arguments) {
  try {
    (void)parse(arguments);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "";
}

TEST(Options, HasTheDocumentedDefaults) {
  const Options options = parse({"uplink"});
  EXPECT_EQ(options.mode, Mode::Uplink);
  EXPECT_EQ(options.connections, 50u);
  EXPECT_EQ(options.qos, 1u);
  EXPECT_EQ(options.window, 32u);
  EXPECT_EQ(options.payload_bytes, 256u);
  EXPECT_EQ(options.messages, 0u);
  EXPECT_EQ(options.duration, Seconds{5});
  EXPECT_FALSE(options.pid.has_value());
}

TEST(Options, ReadsEveryKind) {
  const Options options = parse({"uplink", "--port", "18830", "--qos", "2", "--rate", "2000.5", "--seconds", "0.5",
                                 "--pid", "42", "--username", "u", "--password", "p", "--topic", "a/%c", "--json"});
  EXPECT_EQ(options.target.port, 18'830);
  EXPECT_EQ(options.qos, 2u);
  EXPECT_DOUBLE_EQ(options.rate, 2000.5);
  EXPECT_EQ(options.duration, Seconds{0.5});
  EXPECT_EQ(options.pid, 42);
  EXPECT_EQ(options.username, "u");
  EXPECT_EQ(options.topic, "a/%c");
  EXPECT_TRUE(options.json);
  EXPECT_EQ(parse({"idle", "--connections", "10000"}).mode, Mode::Idle);
  EXPECT_EQ(parse({"connect", "--count", "5"}).count, 5u);
  EXPECT_EQ(parse({"connect", "--tls", "resumed"}).tls, TlsMode::Resumed);
  EXPECT_EQ(parse({"idle", "--tls", "full"}).tls, TlsMode::Full);
  EXPECT_FALSE(parse({"idle"}).tls.has_value());
  EXPECT_EQ(parse({"first"}).mode, Mode::First);
}

TEST(Options, FanoutHasItsOwnDefaults) {
  const Options options = parse({"fanout", "--http-port", "2381", "--proxy", "p", "--concurrency", "8"});
  EXPECT_EQ(options.mode, Mode::Fanout);
  EXPECT_EQ(options.connections, 1'000u);
  EXPECT_EQ(options.http_port, 2'381);
  EXPECT_EQ(options.proxy, "p");
  EXPECT_EQ(options.concurrency, 8u);
  EXPECT_EQ(parse({"fanout"}).concurrency, 1u);
  EXPECT_EQ(parse({"connect"}).concurrency, 50u);
}

TEST(Options, RefusesWhatItDoesNotUnderstand) {
  EXPECT_THAT(complaint({}), HasSubstr("mode is missing"));
  EXPECT_THAT(complaint({"fly"}), HasSubstr("no such mode: fly"));
  EXPECT_THAT(complaint({"connect", "--tls", "half"}), HasSubstr("full or resumed: half"));
  EXPECT_THAT(complaint({"uplink", "--tls", "full"}), HasSubstr("no meaning for uplink"));
  EXPECT_THAT(complaint({"uplink", "--fast"}), HasSubstr("no such option: --fast"));
  EXPECT_THAT(complaint({"uplink", "--port"}), HasSubstr("--port needs a value"));
  EXPECT_THAT(complaint({"uplink", "--count", "3"}), HasSubstr("no meaning for uplink"));
  for (const char* bad : {"0", "65536", "-1", "12x", "", " 12"}) {
    EXPECT_THAT(complaint({"uplink", "--port", bad}), HasSubstr("--port: not a number")) << bad;
  }
  EXPECT_THAT(complaint({"uplink", "--seconds", "nan"}), HasSubstr("--seconds: not a number"));
  EXPECT_THAT(complaint({"uplink", "--qos", "3"}), HasSubstr("--qos"));
}

TEST(Options, RefusesContradictions) {
  EXPECT_THAT(complaint({"uplink", "--messages", "1", "--seconds", "1"}), HasSubstr("exclude each other"));
  EXPECT_THAT(complaint({"uplink", "--password", "p"}), HasSubstr("needs --username"));
  EXPECT_THAT(complaint({"uplink", "--topic", ""}), HasSubstr("must not be empty"));
  EXPECT_THAT(complaint({"fanout", "--qos", "2"}), HasSubstr("--qos"));
  EXPECT_THAT(complaint({"fanout", "--payload", "19"}), HasSubstr("--payload"));
  EXPECT_THAT(complaint({"fanout", "--payload", "16385"}), HasSubstr("--payload"));
}

}  // namespace
}  // namespace mqttproxy::bench
