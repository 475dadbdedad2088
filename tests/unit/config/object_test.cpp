#include <gtest/gtest.h>

#include "mqttproxy/config/value.hpp"

#include "support.hpp"

namespace mqttproxy::config {
namespace {

using namespace std::chrono_literals;
using test::Parsed;

TEST(Object, a_node_that_is_no_map_is_reported_once) {
  Parsed parsed("key: hunter2");
  Object object(parsed.only());
  EXPECT_FALSE(object.valid());
  EXPECT_FALSE(object.require("a").has_value());
  EXPECT_EQ(object.string_or("b", "fallback"), "fallback");
  object.finish();
  EXPECT_EQ(parsed.errors(), "f:1:1: key: expected a map (\"key: value\" lines), found text\n");
}

TEST(Object, a_repeated_key_is_an_error_and_the_first_one_counts) {
  Parsed parsed("a: 1\nb: 2\na: 3\n");
  Object object(parsed.root());
  EXPECT_EQ(object.string_or("a", ""), "1");
  (void)object.find("b");
  object.finish();
  EXPECT_EQ(parsed.errors(), "f:3:1: a: repeated key; it is already in line 1\n");
}

TEST(Object, two_readers_of_one_map_report_its_repeated_key_once) {
  Parsed parsed("a: 1\na: 3\n");
  const Object first(parsed.root());
  const Object second(parsed.root());
  EXPECT_EQ(parsed.diagnostics().errors().size(), 1U);
}

TEST(Object, a_key_that_is_no_text_is_an_error) {
  Parsed parsed("a: 1\n[b]: 2\n~: 3\n");
  const Object object(parsed.root());
  EXPECT_EQ(parsed.errors(),
            "f:2:1: a key must be text, found a list\n"
            "f:3:1: a key must be text, found nothing\n");
}

TEST(Object, find_gives_null_values_and_find_set_does_not) {
  Parsed parsed("a:\nb: ~\nc: ''\n");
  Object object(parsed.root());
  EXPECT_TRUE(object.find("a").has_value());
  EXPECT_TRUE(object.find("a")->is_null());
  EXPECT_FALSE(object.find_set("b").has_value());
  EXPECT_TRUE(object.find_set("c").has_value());
  EXPECT_FALSE(object.find("d").has_value());
  object.finish();
  EXPECT_EQ(parsed.errors(), "");
}

TEST(Object, require_reports_a_missing_key_at_the_map_and_an_empty_one_at_the_key) {
  Parsed parsed("key:\n  a:\n");
  Object object(parsed.only());
  EXPECT_FALSE(object.require("a").has_value());
  EXPECT_FALSE(object.require("b").has_value());
  EXPECT_EQ(parsed.errors(),
            "f:1:1: key: \"b\" is missing\n"
            "f:2:3: key.a: must not be empty\n");
}

TEST(Object, entries_are_in_order_and_all_known) {
  Parsed parsed("z: 1\n0: 2\n'': 3\n");
  Object object(parsed.root());
  const auto entries = object.entries();
  ASSERT_EQ(entries.size(), 3U);
  EXPECT_EQ(entries[0].first, "z");
  EXPECT_EQ(entries[1].first, "0");
  EXPECT_EQ(entries[2].first, "");
  EXPECT_EQ(entries[1].second.as_string(), "2");
  object.finish();
  EXPECT_EQ(parsed.errors(), "");
}

TEST(Object, or_readers_fall_back_when_absent_null_or_wrong) {
  Parsed parsed("null: 1\nt:\nb: x\ni: x\ns: x\nd: x\nok_b: true\nok_i: 7\nok_s: 1KiB\nok_d: 2s\nok_t: hi\n");
  Object object(parsed.root());
  EXPECT_EQ(object.string_or("t", "fallback"), "fallback");
  EXPECT_EQ(object.string_or("absent", "fallback"), "fallback");
  EXPECT_TRUE(object.bool_or("b", true));
  EXPECT_EQ(object.integer_or("i", 5, 0, 9), 5);
  EXPECT_EQ(object.bytes_or("s", 5, 0, 9), 5U);
  EXPECT_EQ(object.duration_or("d", 5ms, 0ms, 9ms), 5ms);
  EXPECT_EQ(parsed.diagnostics().errors().size(), 5U);  // four values, and the key "null"
  EXPECT_EQ(object.string_or("ok_t", ""), "hi");
  EXPECT_TRUE(object.bool_or("ok_b", false));
  EXPECT_EQ(object.integer_or("ok_i", 5, 0, 9), 7);
  EXPECT_EQ(object.bytes_or("ok_s", 5, 0, 4096), 1024U);
  EXPECT_EQ(object.duration_or("ok_d", 5ms, 0ms, 9s), 2s);
  EXPECT_EQ(parsed.diagnostics().errors().size(), 5U);
}

TEST(Object, an_unknown_key_gets_a_suggestion_and_the_allowed_keys) {
  Parsed parsed("matchindex: 0\nfoo: 1\n");
  Object object(parsed.root());
  (void)object.find("matchIndex");
  (void)object.find("route");
  object.ignore("version");
  object.finish();
  EXPECT_EQ(parsed.errors(),
            "f:1:1: matchindex: unknown key, did you mean \"matchIndex\"? allowed here: matchIndex, route\n"
            "f:2:1: foo: unknown key; allowed here: matchIndex, route\n");
}

TEST(Object, an_ignored_key_is_accepted_and_suggested_but_not_listed) {
  Parsed parsed("version: 1\nlables: {}\n");
  Object object(parsed.root());
  object.ignore("version");
  object.ignore("labels");
  object.finish();
  EXPECT_EQ(parsed.errors(), "f:2:1: lables: unknown key, did you mean \"labels\"? no key is allowed here\n");
}

TEST(Object, an_obsolete_key_names_todays_key_and_is_never_suggested) {
  Parsed parsed("userName: x\npassBase65: y\n");
  Object object(parsed.root());
  (void)object.find("username");
  object.obsolete("userName", "use username");
  object.obsolete("passBase64", "use saltedSha256Pass");
  object.finish();
  EXPECT_EQ(parsed.errors(),
            "f:1:1: userName: a key of older versions; use username\n"
            "f:2:1: passBase65: unknown key; allowed here: username\n");
}

TEST(Object, a_merge_key_is_refused_in_its_own_words) {
  Parsed parsed("<<: {a: 1}\n");
  Object(parsed.root()).finish();
  EXPECT_EQ(parsed.errors(), "f:1:1: <<: YAML merge keys are not supported; write the keys out\n");
}

TEST(Object, numeric_keys_beside_an_empty_headers_are_explained_once) {
  Parsed parsed("policies:\n- name: direct\n  headers:\n  0: direct\n  1: device\n  2: status\n");
  Object policy(parsed.only().as_list().at(0));
  (void)policy.find("name");
  (void)policy.find_set("headers");
  policy.finish();
  EXPECT_EQ(
      parsed.errors(),
      "f:4:3: policies[0].0: this key stands beside \"headers\", which is empty: indent 0, 1, 2 … below headers\n");
}

TEST(Object, numeric_keys_elsewhere_are_unknown_keys) {
  Parsed parsed("headers: {0: a}\n1: b\n");
  Object object(parsed.root());
  (void)object.find("headers");
  object.finish();
  EXPECT_EQ(parsed.errors(), "f:2:1: 1: unknown key; allowed here: headers\n");
}

}  // namespace
}  // namespace mqttproxy::config
