#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "config_case.hpp"
#include "filter_bench.hpp"

namespace mqttproxy::filters {
namespace {

using pipeline::Action;

class AclTest : public testing::Test {
 protected:
  void load(const std::string& keys, const std::string& rest = "") {
    ASSERT_TRUE(bench_.load("filters:\n- {name: acl, kind: ACL, " + keys + "}\n" + rest)) << bench_.document.errors();
  }
  Action publish(std::string_view topic) {
    EXPECT_EQ(bench_.publish(topic), pipeline::RunState::Finished);
    return bench_.context.action();
  }
  /// Which of the filters are granted, in order: "yn".
  std::string subscribe(const std::vector<std::string_view>& filters) {
    mqtt::Subscribe packet{.packet_id = 1};
    for (const std::string_view filter : filters) packet.requests.push_back({.filter = filter});
    bench_.begin(mqtt::PacketType::Subscribe);
    bench_.context.subscribe = &packet;
    EXPECT_EQ(bench_.pipeline->run(bench_.context), pipeline::RunState::Finished);
    EXPECT_EQ(bench_.context.action(), Action::None);
    std::string granted;
    for (std::size_t i = 0; i < filters.size(); ++i) granted += bench_.context.filter_refused(i) ? 'n' : 'y';
    return granted;
  }
  void become(std::string_view client_id, std::optional<std::string_view> username) {
    bench_.client.client_id = client_id;
    bench_.client.username = username;
  }

  test::FilterBench bench_;
};

TEST_F(AclTest, WhatNoRuleAllowsIsDenied) {
  load("rules: [{allow: publish, topics: [up/#]}, {allow: subscribe, topics: [down/#]}]");
  EXPECT_EQ(publish("up/a"), Action::None);
  EXPECT_EQ(publish("down/a"), Action::Disconnect);
  EXPECT_EQ(bench_.context.reason(), "publish not allowed by the ACL");
  EXPECT_EQ(publish("other"), Action::Disconnect);
  EXPECT_EQ(subscribe({"down/a", "up/a", "down/#", "#", "other"}), "ynynn");
}

TEST_F(AclTest, AllIsPublishAndSubscribe) {
  load("rules: [{deny: all, topics: [a/secret/#]}, {allow: all, topics: [a/#]}]");
  EXPECT_EQ(publish("a/b"), Action::None);
  EXPECT_EQ(publish("a/secret"), Action::Disconnect);
  EXPECT_EQ(publish("a/secret/x"), Action::Disconnect);
  EXPECT_EQ(subscribe({"a/b", "a/secret", "a/+", "a/+/x", "a/b/+", "a/#"}), "ynnnyn")
      << "a filter that could also bring what is denied is denied";
}

TEST_F(AclTest, TheFirstRuleThatHitsDecides) {
  load("rules: [{allow: all, topics: [a/b]}, {deny: all, topics: [a/+]}, {allow: all, topics: ['#']}]");
  EXPECT_EQ(publish("a/b"), Action::None);
  EXPECT_EQ(publish("a/c"), Action::Disconnect);
  EXPECT_EQ(publish("a"), Action::None);
  EXPECT_EQ(subscribe({"a/b", "a/c", "a/+", "b/+"}), "ynny");
}

TEST_F(AclTest, TheDefaultCanAllow) {
  load("default: allow, rules: [{deny: publish, topics: [config/#]}]");
  EXPECT_EQ(publish("a"), Action::None);
  EXPECT_EQ(publish("$SYS/a"), Action::None);
  EXPECT_EQ(publish("config/a"), Action::Disconnect);
  EXPECT_EQ(subscribe({"#", "config/a"}), "yy");
}

TEST_F(AclTest, ClientsAreBoundToTheirOwnTopics) {
  load(
      R"(rules: [{allow: publish, topics: ["devices/%c/#"]}, {allow: subscribe, topics: ["%u/+", "devices/%c/cmd"]}])");
  become("d1", "anna");
  EXPECT_EQ(publish("devices/d1/log"), Action::None);
  EXPECT_EQ(publish("devices/d2/log"), Action::Disconnect);
  EXPECT_EQ(subscribe({"anna/x", "anna/+", "anna/#", "otto/x", "devices/d1/cmd", "devices/+/cmd", "devices/d1/#"}),
            "yynnynn");
  become("d2", std::nullopt);
  EXPECT_EQ(publish("devices/d1/log"), Action::Disconnect);
  EXPECT_EQ(subscribe({"anna/x", "/x", "devices/d2/cmd"}), "nny");
}

TEST_F(AclTest, AClientIdIsNoPieceOfAFilter) {
  load(R"(rules: [{allow: all, topics: ["devices/%c/#", "%u"]}])");
  for (const std::string_view forged : {"+", "#", "d2/x", ""}) {
    become(forged, forged);
    EXPECT_EQ(publish("devices/d2/x"), Action::Disconnect) << forged;
    EXPECT_EQ(publish("devices/d2/x/y"), Action::Disconnect) << forged;
    EXPECT_EQ(subscribe({"devices/+/#", "devices/#", "#", "+", "devices/d2/x/#"}), "nnnnn") << forged;
  }
}

TEST_F(AclTest, ADenyingRuleThatCannotBeDecidedDenies) {
  load("default: allow, rules: [{deny: publish, topics: ['devices/%c/config']}, {deny: subscribe, topics: ['%u/#']}]");
  become("d1", "anna");
  EXPECT_EQ(publish("devices/d1/config"), Action::Disconnect);
  EXPECT_EQ(publish("devices/d1/log"), Action::None);
  EXPECT_EQ(subscribe({"anna/x", "otto/x", "#"}), "nyn");
  become("d1/config", std::nullopt);
  EXPECT_EQ(publish("devices/d1/log"), Action::Disconnect);
  EXPECT_EQ(subscribe({"otto/x"}), "n");
}

TEST_F(AclTest, RulesForSomeUsersAndClients) {
  load(
      "rules: [{deny: all, topics: ['#'], clients: [lost]}, {allow: publish, topics: [a], users: [anna, otto]},"
      " {allow: publish, topics: [b], users: [anna], clients: [d1]}]");
  become("d1", "anna");
  EXPECT_EQ(publish("a"), Action::None);
  EXPECT_EQ(publish("b"), Action::None);
  become("d2", "anna");
  EXPECT_EQ(publish("b"), Action::Disconnect) << "both must fit";
  become("d1", "otto");
  EXPECT_EQ(publish("a"), Action::None);
  EXPECT_EQ(publish("b"), Action::Disconnect) << "both must fit";
  become("lost", "anna");
  EXPECT_EQ(publish("a"), Action::Disconnect);
  for (const std::optional<std::string_view> nobody : {std::optional<std::string_view>(), {""}, {"Anna"}, {"anna "}}) {
    become("d1", nobody);
    EXPECT_EQ(publish("a"), Action::Disconnect) << nobody.value_or("none");
  }
}

TEST_F(AclTest, MQTT_4_7_2_1_WildcardsAllowNoServersTopicsButDenyThem) {
  load("rules: [{allow: all, topics: ['#', +/x, $own/+]}]");
  EXPECT_EQ(publish("$SYS/x"), Action::Disconnect);
  EXPECT_EQ(publish("$own/x"), Action::None);
  EXPECT_EQ(subscribe({"#", "$SYS/#", "$own/x", "$own/#"}), "ynyn");
  load("default: allow, rules: [{deny: all, topics: ['#']}]");
  EXPECT_EQ(publish("$SYS/x"), Action::Disconnect);
  EXPECT_EQ(subscribe({"#", "$SYS/x"}), "nn");
}

TEST_F(AclTest, OnDenyDropAcknowledgesAndCounts) {
  load("onDeny: drop, rules: [{allow: publish, topics: [a]}]");
  EXPECT_EQ(publish("a"), Action::None);
  EXPECT_EQ(publish("b"), Action::Drop);
}

TEST_F(AclTest, AJumpDecidesInsteadOfOnDeny) {
  const std::string setters = "- {name: next, kind: Setter}\n- {name: audit, kind: Setter}\n";
  load("rules: [{allow: all, topics: [a]}]",
       setters +
           "flow: [{filter: acl, jumpIf: {notAllowed: audit}}, {filter: next, jumpIf: {'': END}},"
           " {filter: audit}]\n");
  EXPECT_EQ(publish("b"), Action::None);
  EXPECT_TRUE(bench_.context.text(0).has_value()) << "the jump was not taken";
  load("rules: [{allow: all, topics: [a]}]", setters);
  EXPECT_EQ(publish("b"), Action::Disconnect);
  EXPECT_FALSE(bench_.context.text(0).has_value()) << "the flow went on";
}

TEST_F(AclTest, ARefusedFilterDoesNotEndTheFlow) {
  load("rules: [{allow: subscribe, topics: [b/#]}]",
       "- {name: control, kind: ConnectControl, bannedTopics: [b/secret]}\n");
  EXPECT_EQ(subscribe({"a", "b/secret", "b/x"}), "nny") << "later filters must have their say";
}

TEST_F(AclTest, OtherPacketsPass) {
  load("rules: [{deny: all, topics: ['#']}]");
  for (const auto type : {mqtt::PacketType::Connect, mqtt::PacketType::Unsubscribe, mqtt::PacketType::Disconnect}) {
    bench_.begin(type);
    EXPECT_EQ(bench_.pipeline->run(bench_.context), pipeline::RunState::Finished);
    EXPECT_EQ(bench_.context.action(), Action::None);
  }
}

TEST_F(AclTest, PublishWithoutItsPacketIsDenied) {
  load("default: allow, rules: [{allow: all, topics: ['#']}]");
  bench_.begin(mqtt::PacketType::Publish);
  EXPECT_EQ(bench_.pipeline->run(bench_.context), pipeline::RunState::Finished);
  EXPECT_EQ(bench_.context.action(), Action::Disconnect);
}

TEST_F(AclTest, TellsExplainWhichRuleDecided) {
  load("rules: [{deny: publish, topics: [x]}, {allow: publish, topics: [a]}]");
  std::string told;
  bench_.context.trace = [&](std::string_view filter, std::string_view step) {
    told = std::string(filter) + ": " + std::string(step);
  };
  (void)publish("a");
  EXPECT_EQ(told, "acl: rules[1]: allowed");
  (void)publish("x");
  EXPECT_EQ(told, "acl: rules[0]: not allowed");
  (void)publish("b");
  EXPECT_EQ(told, "acl: no rule: not allowed");
}

class AclErrors : public testing::TestWithParam<test::ConfigCase> {};
TEST_P(AclErrors, AreReportedWithPlace) {
  test::expect_errors(GetParam());
}

const test::ConfigCase kErrors[] = {
    {"NoRules", "filters:\n- name: acl\n  kind: ACL\n",
     "test.yaml:2:3: Pipeline p: filters[0]: \"rules\" is missing\n"},
    {"EmptyRules", "filters:\n- name: acl\n  kind: ACL\n  rules: []\n",
     "test.yaml:4:3: Pipeline p: filters[0].rules: needs at least one rule\n"},
    {"RuleWithoutOperation", R"(filters:
- name: acl
  kind: ACL
  rules:
  - topics: [a]
  - {allow: publish, deny: publish, topics: [a]}
)",
     "test.yaml:5:5: Pipeline p: filters[0].rules[0]: needs either allow or deny: publish, subscribe or all\n"
     "test.yaml:6:5: Pipeline p: filters[0].rules[1]: needs either allow or deny: publish, subscribe or all\n"},
    {"Choices", R"(filters:
- name: acl
  kind: ACL
  default: Allow
  onDeny: close
  rules:
  - allow: Publish
    topics: [a]
)",
     "test.yaml:4:3: Pipeline p: filters[0].default: expected one of allow, deny, found \"Allow\"\n"
     "test.yaml:5:3: Pipeline p: filters[0].onDeny: expected one of disconnect, drop, found \"close\"\n"
     "test.yaml:7:5: Pipeline p: filters[0].rules[0].allow: expected one of publish, subscribe, all, found "
     "\"Publish\"\n"},
    {"Topics", R"(filters:
- name: acl
  kind: ACL
  rules:
  - allow: publish
    topics:
    - a/b#
    - "a/%d"
    - ok/%c
  - allow: publish
    topics: []
  - allow: publish
)",
     "test.yaml:7:7: Pipeline p: filters[0].rules[0].topics[0]: not a topic filter: empty, + or # not alone in a "
     "level, "
     "# not last, or not UTF-8 without U+0000\n"
     "test.yaml:8:7: Pipeline p: filters[0].rules[0].topics[1]: % must be followed by c (client id), u (user name) or "
     "% "
     "(a percent sign)\n"
     "test.yaml:11:5: Pipeline p: filters[0].rules[1].topics: needs at least one topic filter\n"
     "test.yaml:12:5: Pipeline p: filters[0].rules[2]: \"topics\" is missing\n"},
    {"AnEmptyListIsNotEverybody", R"(filters:
- name: acl
  kind: ACL
  rules:
  - allow: all
    topics: [a]
    users: []
    clients:
)",
     "test.yaml:7:5: Pipeline p: filters[0].rules[0].users: is empty: leave it out for everybody\n"
     "test.yaml:8:5: Pipeline p: filters[0].rules[0].clients: is empty: leave it out for everybody\n"},
    {"UnknownKeys", R"(filters:
- name: acl
  kind: ACL
  defualt: allow
  rules:
  - allow: all
    topics: [a]
    user: [anna]
)",
     "test.yaml:4:3: Pipeline p: filters[0].defualt: unknown key, did you mean \"default\"? allowed here: rules, "
     "default, onDeny\n"
     "test.yaml:8:5: Pipeline p: filters[0].rules[0].user: unknown key, did you mean \"users\"? allowed here: allow, "
     "deny, topics, users, clients\n"},
};
INSTANTIATE_TEST_SUITE_P(All, AclErrors, testing::ValuesIn(kErrors), test::case_name);

}  // namespace
}  // namespace mqttproxy::filters
