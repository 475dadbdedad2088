#include "http/publish_body.hpp"

#include <gtest/gtest.h>

namespace mqttproxy::http {
namespace {

constexpr TopicLimits kLimits{32, 4};

PublishBody parse(std::string_view body) {
  return parse_publish_body(body, "proxy", kLimits);
}

downlink::Message one(std::string_view body) {
  PublishBody parsed = parse(body);
  EXPECT_EQ(parsed.error, "") << body;
  EXPECT_EQ(parsed.messages.size(), 1U) << body;
  return parsed.messages.size() == 1 ? std::move(parsed.messages[0]) : downlink::Message{};
}

std::string error(std::string_view body) {
  return parse(body).error;
}

TEST(PublishBodyTest, AnObjectIsAMessage) {
  const auto message = one(R"({"topic":"a/b","qos":1,"payload":"grüße","base64":false,"distributed":true})");
  EXPECT_EQ(message.proxy, "proxy");
  EXPECT_EQ(message.topic, "a/b");
  EXPECT_EQ(message.qos, mqtt::Qos::AtLeastOnce);
  EXPECT_EQ(message.payload, "grüße");
}

TEST(PublishBodyTest, WhatIsMissingOrNullIsZero) {
  for (const char* body : {R"({"topic":"t"})", R"({"topic":"t","qos":null,"payload":null,"base64":null})"}) {
    const auto message = one(body);
    EXPECT_EQ(message.qos, mqtt::Qos::AtMostOnce);
    EXPECT_EQ(message.payload, "");
  }
  EXPECT_EQ(error("{}"), "topic: must not be empty");
  EXPECT_EQ(error("null"), "topic: must not be empty");
  EXPECT_EQ(error(R"({"topic":null})"), "topic: must not be empty");
  EXPECT_EQ(error(R"([{"topic":"t"},null])"), "[1].topic: must not be empty");
}

TEST(PublishBodyTest, KeysAreComparedWithoutCaseAndUnknownOnesAreSkipped) {
  const auto message = one(R"({"TOPIC":"t","QoS":1,"extra":{"topic":"no","a":[1,{"payload":"no"}]},)"
                           R"("more":[[{}],null,1.5,-3],"Payload":"x","y":true})");
  EXPECT_EQ(message.topic, "t");
  EXPECT_EQ(message.payload, "x");
  EXPECT_EQ(message.qos, mqtt::Qos::AtLeastOnce);
}

TEST(PublishBodyTest, OfAKeyGivenTwiceTheLastOneCounts) {
  EXPECT_EQ(one(R"({"topic":"a","topic":"b","qos":7,"QOS":0})").topic, "b");
}

TEST(PublishBodyTest, Base64GivesAnyBytes) {
  EXPECT_EQ(one(R"({"topic":"t","base64":true,"payload":"AP8KZGF0YQ=="})").payload, std::string("\0\xFF\ndata", 7));
  EXPECT_EQ(one(R"({"payload":"ZGF0YQ==","topic":"t","base64":true})").payload, "data");  // whatever the order
  EXPECT_EQ(one(R"({"topic":"t","base64":true})").payload, "");
  EXPECT_EQ(one(R"({"topic":"t","base64":false,"payload":"ZGF0YQ=="})").payload, "ZGF0YQ==");
  for (const char* payload : {"!!", "aGk", "aGk_"}) {
    EXPECT_EQ(error(R"({"topic":"t","base64":true,"payload":")" + std::string(payload) + "\"}"),
              "payload: must be standard base64 with padding, as base64 is true");
  }
}

TEST(PublishBodyTest, AnArrayIsABatchInItsOrder) {
  const PublishBody parsed =
      parse(R"([{"topic":"a","qos":1,"payload":"1"},{"topic":"b"},{"topic":"a","payload":"3"}])");
  ASSERT_EQ(parsed.messages.size(), 3U);
  EXPECT_EQ(parsed.messages[0].payload, "1");
  EXPECT_EQ(parsed.messages[1].topic, "b");
  EXPECT_EQ(parsed.messages[1].payload, "");  // nothing is left over from the one before
  EXPECT_EQ(parsed.messages[1].qos, mqtt::Qos::AtMostOnce);
  EXPECT_EQ(parsed.messages[2].payload, "3");
}

TEST(PublishBodyTest, ABatchSaysWhichMessageIsWrong) {
  EXPECT_EQ(error(R"([{"topic":"a"},{"topic":"b","qos":2}])"), "[1].qos: must be 0 or 1");
  EXPECT_EQ(error(R"([{"topic":"a"},{"topic":"b","payload":1}])"), "[1].payload: must be a string");
  EXPECT_EQ(error(R"([{"topic":"a"},7])"), "[1]: must be an object");
  EXPECT_EQ(error(R"([[{"topic":"a"}]])"), "[0]: must be an object");
  EXPECT_EQ(error("[]"), "an empty array: it must hold at least one message");
}

TEST(PublishBodyTest, ABatchIsBounded) {
  std::string body = R"([{"topic":"t"})";
  for (std::size_t i = 1; i < kMaxBatch; ++i) body += R"(,{"topic":"t"})";
  EXPECT_EQ(parse(body + "]").messages.size(), kMaxBatch);
  EXPECT_EQ(error(body + R"(,{"topic":"t"}])"), "more than 10000 messages in one request");
}

TEST(PublishBodyTest, OnlyQos0And1) {
  for (const char* qos : {"2", "3", "10", "-1", "18446744073709551615"}) {
    EXPECT_EQ(error(R"({"topic":"t","qos":)" + std::string(qos) + "}"), "qos: must be 0 or 1") << qos;
  }
  for (const char* qos : {"\"1\"", "1.5", "1.0", "1e0", "true", "[]", "{}", "99999999999999999999"}) {
    EXPECT_EQ(error(R"({"topic":"t","qos":)" + std::string(qos) + "}"), "qos: must be an integer") << qos;
  }
  EXPECT_EQ(one(R"({"topic":"t","qos":-0})").qos, mqtt::Qos::AtMostOnce);
}

TEST(PublishBodyTest, WrongTypes) {
  EXPECT_EQ(error(R"({"topic":1})"), "topic: must be a string");
  EXPECT_EQ(error(R"({"topic":["t"]})"), "topic: must be a string");
  EXPECT_EQ(error(R"({"topic":"t","payload":{}})"), "payload: must be a string");
  EXPECT_EQ(error(R"({"topic":"t","base64":"true"})"), "base64: must be true or false");
  EXPECT_EQ(error(R"({"topic":"t","distributed":0})"), "distributed: must be true or false");
  for (const char* body : {"7", "\"topic\"", "true", "1.5", "-1"}) {
    EXPECT_EQ(error(body), "must be an object or an array of objects") << body;
  }
}

TEST(PublishBodyTest, Topics) {
  EXPECT_EQ(one(R"({"topic":"/"})").topic, "/");
  EXPECT_EQ(one(R"({"topic":"\u20ac/$x"})").topic, "€/$x");
  for (const char* topic : {"#", "a/#", "+", "a/+/b", "a#b"}) {
    EXPECT_EQ(error(R"({"topic":")" + std::string(topic) + "\"}"), "topic: must not contain + or #") << topic;
  }
  EXPECT_EQ(error(R"({"topic":"a\u0000b"})"), "topic: must not contain U+0000");
  EXPECT_EQ(one(R"({"topic":")" + std::string(32, 'x') + "\"}").topic.size(), 32U);
  EXPECT_EQ(error(R"({"topic":")" + std::string(33, 'x') + "\"}"),
            "topic: must not be longer than 32 bytes (limits.maxTopicLength)");
  EXPECT_EQ(one(R"({"topic":"a/b/c/d"})").topic, "a/b/c/d");
  EXPECT_EQ(error(R"({"topic":"a/b/c/d/e"})"), "topic: must not have more than 4 levels (limits.maxTopicLevels)");
}

TEST(PublishBodyTest, WhatIsNotJsonIsRefusedWithItsPlaceAndWithoutItsText) {
  EXPECT_EQ(error(""), "invalid JSON at byte 1");
  EXPECT_EQ(error(R"({"topic":"t"} trailing)"), "invalid JSON at byte 17");
  EXPECT_EQ(error(R"({"topic":"t"}{"topic":"t"})"), "invalid JSON at byte 14");
  for (const char* body :
       {"non json", "{", "[", R"({"topic":"t")", R"({"topic":"t",})", R"([{"topic":"t"},])", R"({'topic':'t'})",
        R"({topic:"t"})", R"({"topic":"\ud800"})", "{\"topic\":\"\xff\"}", "{\"topic\":\"\xed\xa0\x80\"}",
        "{\"topic\":\"a\nb\"}", R"(/**/{"topic":"t"})", R"({"topic":"t","qos":NaN})", R"({"topic":"t","x":1e999})"}) {
    EXPECT_TRUE(error(body).starts_with("invalid JSON at byte ")) << body << " " << error(body);
  }
  EXPECT_LT(error("{\"topic\": " + std::string(1'000'000, 'x')).size(), 50U);
}

TEST(PublishBodyTest, DeepNestingIsSkippedWithoutDeepRecursion) {
  const std::string open(100'000, '[');
  const std::string close(100'000, ']');
  EXPECT_EQ(one(R"({"x":)" + open + close + R"(,"topic":"t"})").topic, "t");
  EXPECT_NE(error(open), "");
}

}  // namespace
}  // namespace mqttproxy::http
