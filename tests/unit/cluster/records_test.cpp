#include "cluster/records.hpp"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support.hpp"

namespace mqttproxy::cluster {
namespace {

using test::id;
using ::testing::HasSubstr;

TEST(RecordsTest, keys_are_readable_and_come_back) {
  const std::vector<std::pair<Key, std::string>> keys = {
      {{Kind::Claim, "proxy/client/1"}, "c/proxy/client/1"},
      {{Kind::State, "proxy/"}, "s/proxy/"},
      {{Kind::Checkpoint, "node:1f", Role::Owner}, "k/node:1f/owner"},
      {{Kind::Checkpoint, "a/b:1f", Role::Steward}, "k/a/b:1f/steward"},
      {{Kind::Steward, ""}, "w/steward"},
      {{Kind::Fence, "node:1f"}, "f/node:1f"},
  };
  for (const auto& [key, text] : keys) {
    EXPECT_EQ(encode(key), text);
    EXPECT_EQ(decode_key(text), key);
  }
}

TEST(RecordsTest, what_is_no_key) {
  for (const char* text : {"", "c", "c/", "c/x", "s/client", "k/node", "k/node/", "k/node/other", "w/", "w/stewards",
                           "f/", "x/proxy/client", "cc/x", "/c/x"}) {
    EXPECT_EQ(decode_key(text), std::nullopt) << text;
  }
}

TEST(RecordsTest, life_ids_come_back) {
  for (const LifeId& life : {LifeId{"n:1", 0}, LifeId{"a#b:1", 7}, LifeId{"n", UINT64_MAX}}) {
    EXPECT_EQ(decode_life_id(encode(life)), life);
  }
  for (const char* text : {"", "n", "#1", "n#", "n#x", "n#1x", "n#-1", "n# 1", "n#18446744073709551616"}) {
    EXPECT_EQ(decode_life_id(text), std::nullopt) << text;
  }
}

TEST(RecordsTest, records_come_back) {
  const Cut cut{{{"a/+/\"\\", mqtt::Qos::AtMostOnce}, {"ä/#", mqtt::Qos::AtLeastOnce}},
                {{0, 7, 65'535}, {99'999, INT64_MAX, 0}},
                {0, 12, INT64_MAX}};
  const std::vector<std::pair<Kind, Record>> records = {
      {Kind::Claim, Claim{id("n:1#1"), -1, true, false, 0}},
      {Kind::Claim, Claim{id("n:1#2"), 4'711, false, true, 86'400}},
      {Kind::State, State{id("n:1#2"), Role::Owner, {}, 3, true, true, 60, cut}},
      {Kind::State, State{id("n:1#2"), Role::Steward, id("m:2#9"), 4, false, true, 60, Cut{}}},
      {Kind::State, State{id("n:1#2"), Role::Owner, {}, 5, false, false, 0, {}}},
      {Kind::Checkpoint, Checkpoint{{1, 2}, 4'711, {}, {"p/c", "p/d"}}},
      {Kind::Checkpoint, Checkpoint{{}, -1, id("m:2#9"), {}}},
      {Kind::Steward, Steward{id("m:2#9")}},
      {Kind::Fence, Fence{id("m:2#9")}},
  };
  for (const auto& [kind, record] : records) EXPECT_EQ(decode(kind, encode(record)), record) << encode(record);
}

TEST(RecordsTest, what_is_no_utf8_does_not_throw) {
  EXPECT_THAT(encode(Checkpoint{{}, 0, {}, {"p/\xFF"}}), HasSubstr("p/"));
}

TEST(RecordsTest, what_is_no_record) {
  const std::string claim = R"("claim":"n:1#1","asOf":3,"clean":true,"expiry":1)";
  const std::string state = R"("claim":"n:1#1","role":"owner","number":1,"online":true)";
  const std::string session = state + R"(,"session":true,"expiry":1)";
  ASSERT_TRUE(decode(Kind::Claim, "{" + claim + "}"));
  ASSERT_TRUE(decode(Kind::State, "{" + state + R"(,"session":false})"));
  ASSERT_TRUE(decode(Kind::State, "{" + session + R"(,"filters":{"a":1},"owed":[[0,1],[0,2,3]],"from":[0]})"));
  const std::vector<std::pair<Kind, std::string>> texts = {
      {Kind::Claim, ""},
      {Kind::Claim, "{"},
      {Kind::Claim, "[]"},
      {Kind::Claim, "{}"},
      {Kind::Claim, "\xFF"},
      {Kind::Claim, "{" + claim + R"(,"deletion":1})"},
      {Kind::Claim, R"({"claim":"n:1","asOf":3,"clean":true,"expiry":1})"},
      {Kind::Claim, R"({"claim":"n:1#1","asOf":-2,"clean":true,"expiry":1})"},
      {Kind::Claim, R"({"claim":"n:1#1","asOf":3,"clean":0,"expiry":1})"},
      {Kind::Claim, R"({"claim":"n:1#1","asOf":3,"clean":true,"expiry":-1})"},
      {Kind::Claim, R"({"claim":"n:1#1","asOf":3,"clean":true,"expiry":4000000001})"},
      {Kind::Claim, R"({"claim":"n:1#1","asOf":3,"clean":true,"expiry":1.5})"},
      {Kind::State, "{" + state + "}"},
      {Kind::State, "{" + session + "}"},
      {Kind::State, R"({"claim":"n:1#1","role":"boss","number":1,"online":true,"session":false})"},
      {Kind::State, R"({"claim":"n:1#1","role":"steward","number":1,"online":true,"session":false})"},
      {Kind::State, "{" + session + R"(,"filters":["a"],"owed":[],"from":[]})"},
      {Kind::State, "{" + session + R"(,"filters":{"a":2},"owed":[],"from":[]})"},
      {Kind::State, "{" + session + R"(,"filters":{"a#":1},"owed":[],"from":[]})"},
      {Kind::State, "{" + session + R"(,"filters":{"":1},"owed":[],"from":[]})"},
      {Kind::State, "{" + session + R"(,"filters":{"a\u0000":1},"owed":[],"from":[]})"},
      {Kind::State, "{" + session + R"(,"filters":{},"owed":[[0]],"from":[]})"},
      {Kind::State, "{" + session + R"(,"filters":{},"owed":[[0,1,0]],"from":[]})"},
      {Kind::State, "{" + session + R"(,"filters":{},"owed":[[0,1,2,3]],"from":[]})"},
      {Kind::State, "{" + session + R"(,"filters":{},"owed":[[100000,1]],"from":[]})"},
      {Kind::State, "{" + session + R"(,"filters":{},"owed":[],"from":[-1]})"},
      {Kind::State, "{" + session + R"(,"filters":{},"owed":[],"from":{}})"},
      {Kind::Checkpoint, R"({"position":[1]})"},
      {Kind::Checkpoint, R"({"position":[1],"asOf":1,"behind":[1]})"},
      {Kind::Checkpoint, R"({"position":[1],"asOf":1,"steward":"n"})"},
      {Kind::Checkpoint, R"({"position":[9223372036854775808],"asOf":1})"},
      {Kind::Steward, "{}"},
      {Kind::Fence, R"({"steward":7})"},
  };
  for (const auto& [kind, text] : texts) EXPECT_EQ(decode(kind, text), std::nullopt) << text;
}

TEST(RecordsTest, what_a_later_version_adds_is_no_harm) {
  EXPECT_EQ(decode(Kind::Steward, R"({"steward":"n:1#1","more":[1]})"), Record(Steward{id("n:1#1")}));
}

TEST(RecordsTest, an_offset_beyond_63_bits_is_none) {
  EXPECT_EQ(decode(Kind::Checkpoint, R"({"position":[18446744073709551615],"asOf":1})"), std::nullopt);
}

TEST(RecordsTest, names_of_clients_and_nodes_come_apart) {
  EXPECT_EQ(client_name("proxy", "a/b"), "proxy/a/b");
  EXPECT_EQ(split_client_name("proxy/a/b").proxy, "proxy");
  EXPECT_EQ(split_client_name("proxy/a/b").client_id, "a/b");
  EXPECT_EQ(split_client_name("proxy").proxy, "proxy");
  EXPECT_EQ(split_client_name("proxy").client_id, "");
  const std::string first = new_incarnation("node:a");
  EXPECT_EQ(node_of(first), "node:a");
  EXPECT_NE(first, new_incarnation("node:a"));
}

}  // namespace
}  // namespace mqttproxy::cluster
