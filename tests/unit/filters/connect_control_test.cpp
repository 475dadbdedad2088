#include <string>

#include <gtest/gtest.h>

#include "config_case.hpp"
#include "filter_bench.hpp"

namespace mqttproxy::filters {
namespace {

using pipeline::Action;

class ConnectControlTest : public testing::Test {
 protected:
  void load(const std::string& keys) {
    ASSERT_TRUE(bench_.load("filters:\n- {name: control, kind: ConnectControl, " + keys + "}\n"))
        << bench_.document.errors();
  }
  Action publish(std::string_view client_id, std::string_view topic) {
    bench_.client.client_id = client_id;
    EXPECT_EQ(bench_.publish(topic), pipeline::RunState::Finished);
    return bench_.context.action();
  }
  Action connect(std::string_view client_id) {
    const mqtt::Connect packet{.client_id = client_id};
    bench_.client.client_id = client_id;
    bench_.begin(mqtt::PacketType::Connect);
    bench_.context.connect = &packet;
    EXPECT_EQ(bench_.pipeline->run(bench_.context), pipeline::RunState::Finished);
    return bench_.context.action();
  }

  test::FilterBench bench_;
};

TEST_F(ConnectControlTest, BannedClientsByName) {
  load("bannedClients: [ban1, ban2]");
  EXPECT_EQ(publish("ban1", "unban"), Action::Disconnect);
  EXPECT_EQ(publish("ban2", "unban"), Action::Disconnect);
  EXPECT_EQ(publish("unban1", "ban/sport/ball"), Action::None);
  EXPECT_EQ(publish("ban", "unban"), Action::None) << "names are whole";
}

TEST_F(ConnectControlTest, BannedTopicsByName) {
  load("bannedTopics: [ban/sport/ball, ban/sport/run]");
  EXPECT_EQ(publish("c", "ban/sport/ball"), Action::Disconnect);
  EXPECT_EQ(publish("c", "ban/sport/run"), Action::Disconnect);
  EXPECT_EQ(publish("c", "unban/sport"), Action::None);
}

TEST_F(ConnectControlTest, BannedClientsByExpressionAnywhere) {
  load("bannedClientRe: phone");
  EXPECT_EQ(publish("phone123", "t"), Action::Disconnect);
  EXPECT_EQ(publish("my-phone256", "t"), Action::Disconnect);
  EXPECT_EQ(publish("tv", "t"), Action::None);
}

TEST_F(ConnectControlTest, BannedTopicsByExpressionAnywhere) {
  load("bannedTopicRe: sport");
  EXPECT_EQ(publish("c", "ban/sport/ball"), Action::Disconnect);
  EXPECT_EQ(publish("c", "ban/sport/run"), Action::Disconnect);
  EXPECT_EQ(publish("c", "unban"), Action::None);
}

TEST_F(ConnectControlTest, ABannedClientIsRefusedAtConnectWithReturnCode5) {
  load("bannedClients: [ban1], bannedTopicRe: '.*'");
  EXPECT_EQ(connect("ban1"), Action::Refuse);
  EXPECT_EQ(bench_.context.return_code(), mqtt::ConnectReturnCode::NotAuthorized);
  EXPECT_EQ(connect("good"), Action::None);
}

TEST_F(ConnectControlTest, WithoutListsEverybodyPasses) {
  load("bannedClientRe: '', bannedTopicRe: ''");
  EXPECT_EQ(publish("c", "t"), Action::None);
  EXPECT_EQ(connect("c"), Action::None);
}

TEST(ConnectControlConfig, ABadExpressionIsAnErrorNotAnOpenDoor) {
  for (const std::string pattern : {"(", "(?P<name>"}) {
    test::FilterBench bench;
    EXPECT_FALSE(bench.load("filters:\n- {name: control, kind: ConnectControl, bannedClientRe: '" + pattern + "'}\n"));
    EXPECT_NE(bench.document.errors().find("bannedClientRe: no RE2 expression"), std::string::npos)
        << bench.document.errors();
  }
}

TEST(ConnectControlConfig, AnUnknownKeyIsAnError) {
  test::FilterBench bench;
  EXPECT_FALSE(bench.load("filters:\n- {name: control, kind: ConnectControl, bannedClient: [a]}\n"));
  EXPECT_NE(bench.document.errors().find("bannedClients"), std::string::npos) << bench.document.errors();
}

TEST_F(ConnectControlTest, BannedTopicFiltersAreRefusedOneByOne) {
  load("bannedTopics: [secret/#], bannedTopicRe: ^temp");
  const mqtt::Subscribe packet{
      .packet_id = 1,
      .requests = {{.filter = "open"}, {.filter = "secret/#"}, {.filter = "temp/+"}, {.filter = "secret/x"}}};
  bench_.begin(mqtt::PacketType::Subscribe);
  bench_.context.subscribe = &packet;
  EXPECT_EQ(bench_.pipeline->run(bench_.context), pipeline::RunState::Finished);
  EXPECT_EQ(bench_.context.action(), Action::None);
  EXPECT_FALSE(bench_.context.filter_refused(0));
  EXPECT_TRUE(bench_.context.filter_refused(1));
  EXPECT_TRUE(bench_.context.filter_refused(2));
  EXPECT_FALSE(bench_.context.filter_refused(3)) << "texts are compared, not what they match";
}

}  // namespace
}  // namespace mqttproxy::filters
