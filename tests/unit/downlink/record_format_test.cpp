#include "mqttproxy/downlink/record_format.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace mqttproxy::downlink {
namespace {

using namespace std::chrono_literals;
using namespace std::string_view_literals;
using Headers = std::vector<kafka::Header>;

constexpr std::chrono::system_clock::time_point kNow{1'000'000s};

struct Decoded {
  Fate fate;
  Message message;
};

Decoded decode_record(std::optional<std::string_view> key, const Headers& headers = {}, std::string_view value = "v",
                      std::vector<std::string> proxies = {"one"},
                      std::optional<std::chrono::system_clock::time_point> time = kNow) {
  kafka::ConsumedRecord record;
  record.partition = 3;
  record.offset = 4'000'000'000;
  record.key = key;
  record.value = value;
  record.headers = headers;
  record.time = time;
  RecordRules rules;
  rules.proxies = std::move(proxies);
  rules.max_topic_bytes = 10;
  rules.max_topic_levels = 3;
  Decoded decoded{};
  decoded.fate = decode(record, rules, kNow, decoded.message);
  return decoded;
}

Fate fate_of(std::optional<std::string_view> key, const Headers& headers = {}) {
  return decode_record(key, headers).fate;
}

TEST(RecordFormat, KeyAndValueAreEnough) {
  const auto [fate, message] = decode_record("a/b", {}, "x\0y"sv);
  EXPECT_EQ(fate, Fate::Deliver);
  EXPECT_EQ(message.topic, "a/b");
  EXPECT_EQ(message.payload, "x\0y"sv);
  EXPECT_EQ(message.qos, mqtt::Qos::AtLeastOnce);
  EXPECT_EQ(message.proxy, "one");
  EXPECT_EQ(message.expiry, std::nullopt);
  EXPECT_EQ(message.partition, 3);
  EXPECT_EQ(message.offset, 4'000'000'000);
}

TEST(RecordFormat, HeadersSayTheRest) {
  const Headers headers = {{"x", "y"}, {"qos", "0"}, {"proxy", "two"}, {"expiry", "4294967295"}};
  const auto [fate, message] = decode_record("a", headers, "", {"one", "two"});
  EXPECT_EQ(fate, Fate::Deliver);
  EXPECT_EQ(message.qos, mqtt::Qos::AtMostOnce);
  EXPECT_EQ(message.proxy, "two");
  EXPECT_EQ(message.expiry, 4'294'967'295U);
  EXPECT_EQ(message.payload, "");
}

TEST(RecordFormat, OfAHeaderGivenTwiceTheLastCounts) {
  EXPECT_EQ(decode_record("a", {{"qos", "7"}, {"qos", "0"}}).message.qos, mqtt::Qos::AtMostOnce);
  EXPECT_EQ(fate_of("a", {{"qos", "0"}, {"qos", "7"}}), Fate::BadQos);
}

TEST(RecordFormat, TheKeyMustBeATopicName) {
  EXPECT_EQ(fate_of(std::nullopt), Fate::NoTopic);
  for (const std::string_view key :
       {""sv, "a/+"sv, "#"sv, "a\0b"sv, "\xFF"sv, "\xED\xA0\x80"sv, "a/b/c/d"sv, "12345678901"sv}) {
    EXPECT_EQ(fate_of(key), Fate::BadTopic) << key;
  }
  EXPECT_EQ(fate_of("1234567890"), Fate::Deliver);
  EXPECT_EQ(fate_of("a//c"), Fate::Deliver);
}

TEST(RecordFormat, QosIsZeroOrOne) {
  for (const std::string_view qos : {""sv, "2"sv, "01"sv, " 1"sv, "1 "sv, "-1"sv, "\x01"sv}) {
    EXPECT_EQ(fate_of("a", {{"qos", qos}}), Fate::BadQos) << qos;
  }
}

TEST(RecordFormat, ExpiryIsA32BitNumber) {
  for (const std::string_view expiry : {""sv, "4294967296"sv, "-1"sv, "1.5"sv, "1s"sv, " 1"sv, "x"sv}) {
    EXPECT_EQ(fate_of("a", {{"expiry", expiry}}), Fate::BadExpiry) << expiry;
  }
}

TEST(RecordFormat, ExpiryCountsFromTheRecordsTime) {
  const Headers headers = {{"expiry", "10"}};
  EXPECT_EQ(decode_record("a", headers, "v", {"one"}, kNow - 9'999ms).fate, Fate::Deliver);
  EXPECT_EQ(decode_record("a", headers, "v", {"one"}, kNow - 10s).fate, Fate::Expired);
  EXPECT_EQ(decode_record("a", headers, "v", {"one"}, kNow + 1h).fate, Fate::Deliver);
  EXPECT_EQ(decode_record("a", headers, "v", {"one"}, std::nullopt).fate, Fate::Deliver);
  EXPECT_EQ(fate_of("a", {{"expiry", "0"}}), Fate::Expired);
}

TEST(RecordFormat, WithSeveralProxiesARecordNamesOne) {
  EXPECT_EQ(decode_record("a", {}, "v", {"one", "two"}).fate, Fate::NoProxy);
  EXPECT_EQ(decode_record("a", {{"proxy", "three"}}, "v", {"one", "two"}).fate, Fate::OtherProxy);
  EXPECT_EQ(fate_of("a", {{"proxy", ""}}), Fate::OtherProxy);
}

TEST(RecordFormat, WhatFitsNoMqttPacketIsSkipped) {
  const std::string value(268'435'455 - 16, 'x');
  EXPECT_EQ(decode_record("a", {}, value).fate, Fate::TooLarge);
}

TEST(RecordFormat, EveryFateHasALabelOfItsOwn) {
  std::vector<std::string_view> labels;
  for (int fate = 0; fate < static_cast<int>(Fate::Count_); ++fate) {
    EXPECT_EQ(std::ranges::count(labels, label(static_cast<Fate>(fate))), 0);
    labels.push_back(label(static_cast<Fate>(fate)));
  }
  EXPECT_EQ(label(Fate::TooLarge), "too_large");
}

TEST(RecordFormat, WhatIsWrittenIsReadBack) {
  for (const auto expiry : {std::optional<std::uint32_t>(), std::optional<std::uint32_t>(1),
                            std::optional<std::uint32_t>(4'294'967'295U)}) {
    for (const mqtt::Qos qos : {mqtt::Qos::AtMostOnce, mqtt::Qos::AtLeastOnce}) {
      const Message message{"two", "a/b", "payload", qos, expiry};
      const RecordHeaders headers(message);
      const Headers copy(headers.get().begin(), headers.get().end());
      const auto [fate, read] = decode_record(message.topic, copy, message.payload, {"one", "two"});
      EXPECT_EQ(fate, Fate::Deliver);
      EXPECT_EQ(read.proxy, "two");
      EXPECT_EQ(read.topic, "a/b");
      EXPECT_EQ(read.payload, "payload");
      EXPECT_EQ(read.qos, qos);
      EXPECT_EQ(read.expiry, expiry);
    }
  }
}

}  // namespace
}  // namespace mqttproxy::downlink
