#include "mqttproxy/config/value.hpp"

#include <array>

#include <gtest/gtest.h>

#include "support.hpp"

namespace mqttproxy::config {
namespace {

using namespace std::chrono_literals;
using test::Parsed;
using test::TempFile;
using test::Variable;

/// The text of the only error, without its place "f:LINE:COLUMN: key: ".
std::string only_error(Parsed& parsed) {
  const auto& errors = parsed.diagnostics().errors();
  return errors.size() == 1 ? errors[0].text : std::to_string(errors.size()) + " errors";
}

template <class Read>
auto read(const std::string& scalar, Read reader) {
  Parsed parsed("key: " + scalar);
  auto value = reader(parsed.only());
  EXPECT_EQ(value.has_value(), parsed.diagnostics().ok()) << scalar;
  return value;
}

template <class Read>
std::string error_of(const std::string& scalar, Read reader) {
  Parsed parsed("key: " + scalar);
  EXPECT_FALSE(reader(parsed.only()).has_value()) << scalar;
  return only_error(parsed);
}

const auto as_string = [](const Value& v) { return v.as_string(); };
const auto as_secret = [](const Value& v) { return v.as_secret(); };
const auto as_bool = [](const Value& v) { return v.as_bool(); };
const auto as_port = [](const Value& v) { return v.as_integer(0, 65'535); };
const auto as_natural = [](const Value& v) { return v.as_integer(0); };
const auto as_any_integer = [](const Value& v) { return v.as_integer(std::numeric_limits<std::int64_t>::min()); };
const auto as_size = [](const Value& v) { return v.as_bytes(64, (256ULL << 20U) - 1); };
const auto as_any_size = [](const Value& v) { return v.as_bytes(0, std::numeric_limits<std::uint64_t>::max()); };
const auto as_time = [](const Value& v) { return v.as_duration(100ms, 5min); };

TEST(Value, an_error_names_file_line_column_and_path_of_the_key) {
  Parsed parsed("a:\n  b:\n  - x: 1\n    y: []\n");
  Object a(*Object(parsed.root()).find("a"));
  Object item(a.find("b")->as_list().at(0));
  EXPECT_EQ(item.find("y")->as_string(), std::nullopt);
  EXPECT_EQ(parsed.errors(), "f:4:5: a.b[0].y: expected text, found a list\n");
}

TEST(Value, a_document_title_is_followed_by_a_colon) {
  Diagnostics diagnostics("f");
  Object document(Value(YAML::Load("a: {b: 1}"), {1, 1}, "MQTTProxy m", diagnostics));
  Object a(*document.find("a"));
  EXPECT_EQ(document.find("a")->path(), "MQTTProxy m: a");
  EXPECT_EQ(a.find("b")->path(), "MQTTProxy m: a.b");
}

TEST(Value, as_string_takes_every_scalar_as_it_is_written) {
  EXPECT_EQ(read("abc", as_string), "abc");
  EXPECT_EQ(read("123", as_string), "123");
  EXPECT_EQ(read("1.50", as_string), "1.50");
  EXPECT_EQ(read("true", as_string), "true");
  EXPECT_EQ(read("''", as_string), "");
  EXPECT_EQ(read("\"~\"", as_string), "~");
}

TEST(Value, as_string_refuses_lists_maps_and_nothing) {
  EXPECT_EQ(error_of("[a]", as_string), "expected text, found a list");
  EXPECT_EQ(error_of("{a: b}", as_string), "expected text, found a map");
  EXPECT_EQ(error_of("", as_string), "expected text, found nothing");
  EXPECT_EQ(error_of("~", as_string), "expected text, found nothing");
}

TEST(Value, environment_variables_are_replaced_in_any_scalar) {
  const Variable one("MQTTPROXY_TEST_ONE", "1");
  const Variable empty("MQTTPROXY_TEST_EMPTY", "");
  EXPECT_EQ(read("a${MQTTPROXY_TEST_ONE}b${MQTTPROXY_TEST_ONE}", as_string), "a1b1");
  EXPECT_EQ(read("x${MQTTPROXY_TEST_EMPTY}", as_string), "x");
  EXPECT_EQ(read("188${MQTTPROXY_TEST_ONE}", as_port), 1881);
  EXPECT_EQ(read("${MQTTPROXY_TEST_ONE}KiB", as_size), 1024U);
}

TEST(Value, a_doubled_dollar_is_a_literal_one) {
  EXPECT_EQ(read("$${HOME}", as_string), "${HOME}");
  EXPECT_EQ(read("$HOME $5 $$ $", as_string), "$HOME $5 $$ $");
}

TEST(Value, the_content_of_a_variable_is_not_expanded_again) {
  const Variable nested("MQTTPROXY_TEST_NESTED", "${HOME}");
  EXPECT_EQ(read("${MQTTPROXY_TEST_NESTED}", as_string), "${HOME}");
}

TEST(Value, an_undefined_variable_is_an_error) {
  unsetenv("MQTTPROXY_TEST_NONE");
  EXPECT_EQ(error_of("${MQTTPROXY_TEST_NONE}", as_string), "environment variable MQTTPROXY_TEST_NONE is not set");
  EXPECT_EQ(error_of("${MQTTPROXY_TEST_NONE}", as_port), "environment variable MQTTPROXY_TEST_NONE is not set");
}

TEST(Value, a_broken_reference_is_an_error) {
  const std::string text =
      R"("${" must be followed by the name of an environment variable and "}"; a literal "${" is "$${")";
  EXPECT_EQ(error_of("a${", as_string), text);
  EXPECT_EQ(error_of("${}", as_string), text);
  EXPECT_EQ(error_of("${1A}", as_string), text);
  EXPECT_EQ(error_of("'${A-b}'", as_string), text);
}

TEST(Value, what_a_variable_holds_is_not_echoed) {
  const Variable secret("MQTTPROXY_TEST_SECRET", "hunter2");
  EXPECT_EQ(error_of("${MQTTPROXY_TEST_SECRET}", as_port),
            "expected a whole number from 0 to 65535, found \"${MQTTPROXY_TEST_SECRET}\"");
}

TEST(Value, as_secret_takes_text_and_variables_as_they_are) {
  const Variable secret("MQTTPROXY_TEST_SECRET", "file:/nowhere");
  EXPECT_EQ(read("s3cret", as_secret), "s3cret");
  EXPECT_EQ(read("${MQTTPROXY_TEST_SECRET}", as_secret), "file:/nowhere");
}

TEST(Value, as_secret_reads_a_file_without_its_last_line_break) {
  const TempFile file("s3cret\n");
  EXPECT_EQ(read("file:" + file.path().string(), as_secret), "s3cret");
  file.write("s3cret\r\n");
  EXPECT_EQ(read("file:" + file.path().string(), as_secret), "s3cret");
  file.write("two\nlines\n\n");
  EXPECT_EQ(read("file:" + file.path().string(), as_secret), "two\nlines\n");
  file.write("none");
  EXPECT_EQ(read("file:" + file.path().string(), as_secret), "none");
}

TEST(Value, a_secret_file_is_relative_to_the_configuration_file) {
  const TempFile file("s3cret");
  const Variable name("MQTTPROXY_TEST_FILE", file.path().filename().string());
  Parsed parsed("key: file:${MQTTPROXY_TEST_FILE}", (file.path().parent_path() / "mqttproxy.yaml").string());
  EXPECT_EQ(parsed.only().as_secret(), "s3cret");
}

TEST(Value, a_secret_file_that_cannot_be_used_is_an_error_without_its_name) {
  const TempFile file("\n");
  EXPECT_EQ(error_of("file:" + file.path().string(), as_secret), "the file named here cannot be used: it is empty");
  file.write(std::string(64 * 1024 + 1, 'x'));
  EXPECT_EQ(error_of("file:" + file.path().string(), as_secret),
            "the file named here cannot be used: it is longer than 65536 bytes");
  EXPECT_EQ(error_of("file:/nowhere/at/all", as_secret),
            "the file named here cannot be used: No such file or directory");
  EXPECT_EQ(error_of("file:/", as_secret), "the file named here cannot be used: it is a directory");
  EXPECT_EQ(error_of("[hunter2]", as_secret), "expected text, found a list");
}

TEST(Value, as_bool_takes_six_words) {
  for (const char* word : {"true", "True", "TRUE", "yes", "on", "\"true\""}) EXPECT_EQ(read(word, as_bool), true);
  for (const char* word : {"false", "False", "FALSE", "no", "off"}) EXPECT_EQ(read(word, as_bool), false);
  for (const char* word : {"y", "n", "1", "0", "tRue", "''"}) {
    EXPECT_EQ(error_of(word, as_bool).substr(0, 22), "expected true or false");
  }
  EXPECT_EQ(error_of("maybe", as_bool), "expected true or false, found \"maybe\"");
  EXPECT_EQ(error_of("[true]", as_bool), "expected true or false, found a list");
}

TEST(Value, as_integer_takes_decimal_digits_quoted_or_not) {
  EXPECT_EQ(read("0", as_port), 0);
  EXPECT_EQ(read("65535", as_port), 65'535);
  EXPECT_EQ(read("\"1883\"", as_port), 1883);
  EXPECT_EQ(read("-9223372036854775808", as_any_integer), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(read("9223372036854775807", as_natural), std::numeric_limits<std::int64_t>::max());
}

TEST(Value, as_integer_refuses_everything_else) {
  for (const char* text : {"65536", "-1", "1.0", "1e3", "0x10", "010", "00", "1_000", "+1", "' 1'", "1 2", "--1", "'-'",
                           "abc", "''", "99999999999999999999"}) {
    EXPECT_EQ(error_of(text, as_port).substr(0, 48), "expected a whole number from 0 to 65535, found \"") << text;
  }
  EXPECT_EQ(error_of("1.5", as_any_integer), "expected a whole number, found \"1.5\"");
  EXPECT_EQ(error_of("-1", as_natural), "expected a whole number of at least 0, found \"-1\"");
  EXPECT_EQ(error_of("9223372036854775808", as_natural),
            "expected a whole number of at least 0, found \"9223372036854775808\"");
  EXPECT_EQ(error_of("{}", as_port), "expected a whole number from 0 to 65535, found a map");
}

TEST(Value, as_bytes_takes_binary_units) {
  EXPECT_EQ(read("4096", as_size), 4096U);
  EXPECT_EQ(read("64KiB", as_size), 65'536U);
  EXPECT_EQ(read("8MiB", as_size), 8U << 20U);
  EXPECT_EQ(read("1GiB", as_any_size), 1ULL << 30U);
  EXPECT_EQ(read("268435455", as_size), 268'435'455U);
}

TEST(Value, as_bytes_refuses_everything_else) {
  for (const char* text : {"63", "256MiB", "1kB", "1MB", "1 KiB", "1.5MiB", "-1", "KiB", "0x40", "''", "064"}) {
    EXPECT_FALSE(error_of(text, as_size).empty()) << text;
  }
  EXPECT_EQ(error_of("63", as_size),
            "expected a size from 64 to 268435455 (bytes, or with KiB, MiB, GiB), found \"63\"");
  // 2^34 GiB is 2^64 bytes: it must not wrap around to 0.
  EXPECT_FALSE(error_of("17179869184GiB", as_any_size).empty());
  EXPECT_FALSE(error_of("18446744073709551616", as_any_size).empty());
}

TEST(Value, as_duration_takes_units_and_plain_seconds) {
  EXPECT_EQ(read("500ms", as_time), 500ms);
  EXPECT_EQ(read("10s", as_time), 10s);
  EXPECT_EQ(read("5m", as_time), 5min);
  EXPECT_EQ(read("10", as_time), 10s);
  const auto day = [](const Value& v) { return v.as_duration(0ms, 24h); };
  EXPECT_EQ(read("24h", day), 24h);
  EXPECT_EQ(read("0", day), 0ms);
}

TEST(Value, as_duration_refuses_everything_else) {
  for (const char* text : {"99ms", "301", "1d", "1.5s", "-1s", "1 s", "''", "1h", "18446744073709551615h"}) {
    EXPECT_FALSE(error_of(text, as_time).empty()) << text;
  }
  EXPECT_EQ(error_of("99ms", as_time),
            "expected a time from 100ms to 5m (seconds, or with ms, s, m, h), found \"99ms\"");
}

TEST(Value, as_choice_is_case_sensitive_and_lists_the_choices) {
  static constexpr std::array<std::string_view, 2> kChoices = {"text", "json"};
  const auto choose = [](const Value& v) { return v.as_choice(kChoices); };
  EXPECT_EQ(read("json", choose), "json");
  EXPECT_EQ(error_of("JSON", choose), "expected one of text, json, found \"JSON\"");
  EXPECT_EQ(error_of("[json]", choose), "expected one of text, json, found a list");
}

TEST(Value, what_is_echoed_is_cut_and_made_printable) {
  EXPECT_EQ(error_of("\"a\\nb\"", as_port), R"(expected a whole number from 0 to 65535, found "a\x0ab")");
  EXPECT_LT(error_of(std::string(10'000, 'x'), as_port).size(), 200U);
}

TEST(Value, as_list_numbers_its_items) {
  Parsed parsed("key:\n- a\n-  b\n");
  const auto items = parsed.only().as_list();
  ASSERT_EQ(items.size(), 2U);
  EXPECT_EQ(items[1].path(), "key[1]");
  EXPECT_EQ(items[1].mark().line, 3);
  EXPECT_EQ(items[1].mark().column, 4);
}

TEST(Value, as_list_refuses_everything_else) {
  Parsed scalar("key: hunter2");
  EXPECT_TRUE(scalar.only().as_list().empty());
  EXPECT_EQ(scalar.errors(), "f:1:1: key: expected a list, found text\n");
  Parsed map("key: {a: b}");
  EXPECT_TRUE(map.only().as_list().empty());
  EXPECT_EQ(map.errors(), "f:1:1: key: expected a list, found a map\n");
  Parsed nothing("key:");
  EXPECT_TRUE(nothing.only().as_list().empty());
  EXPECT_EQ(nothing.errors(), "f:1:1: key: expected a list, found nothing\n");
}

TEST(Value, as_string_list_reports_each_bad_item_and_keeps_the_rest) {
  Parsed parsed("key: [a, [b], 3, ]");
  EXPECT_EQ(parsed.only().as_string_list(), (std::vector<std::string>{"a", "3"}));
  EXPECT_EQ(parsed.errors(), "f:1:10: key[1]: expected text, found a list\n");
}

TEST(Value, assignment_leaves_the_document_alone) {
  Parsed parsed("a: 1\nb: 2\n");
  Object object(parsed.root());
  Value value = *object.find("a");
  value = *object.find("b");
  EXPECT_EQ(value.as_string(), "2");
  EXPECT_EQ(value.path(), "b");
  EXPECT_EQ(object.find("a")->as_string(), "1");
}

}  // namespace
}  // namespace mqttproxy::config
