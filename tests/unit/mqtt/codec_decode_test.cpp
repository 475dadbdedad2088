#include "codec_testing.hpp"

namespace mqttproxy::mqtt::test {
namespace {

using ::testing::ElementsAre;

constexpr DecodeLimits kLimits;

std::string repeat(std::string_view piece, std::size_t times) {
  std::string out;
  for (std::size_t i = 0; i < times; ++i) out += piece;
  return out;
}

// ---- PUBLISH

class PublishErrors : public ::testing::TestWithParam<ErrorCase> {};

/// The input is the flags in one byte, then the body.
TEST_P(PublishErrors, AreRefused) {
  const auto flags = static_cast<std::uint8_t>(GetParam().input.at(0));
  EXPECT_EQ(outcome(decode_publish(flags, std::string_view(GetParam().input).substr(1), kLimits)), GetParam().expected);
}

INSTANTIATE_TEST_SUITE_P(
    Table, PublishErrors,
    ::testing::Values(ErrorCase{"QoS3_MQTT_3_3_1_4", bytes("06 00 01 'a' 00 01"), Errc::InvalidQos},
                      ErrorCase{"DupWithQoS0_MQTT_3_3_1_2", bytes("08 00 01 'a'"), Errc::DupWithQos0},
                      ErrorCase{"NoBody", bytes("00"), Errc::BodyLength},
                      ErrorCase{"HalfALength", bytes("00 00"), Errc::BodyLength},
                      ErrorCase{"TopicLongerThanBody", bytes("00 00 04 'abc'"), Errc::BodyLength},
                      ErrorCase{"EmptyTopic_MQTT_4_7_3_1", bytes("00 00 00 'payload'"), Errc::TopicName},
                      ErrorCase{"Plus_MQTT_3_3_2_2", bytes("00 00 03 'a/+'"), Errc::TopicName},
                      ErrorCase{"Hash_MQTT_3_3_2_2", bytes("00 00 03 'a/#'"), Errc::TopicName},
                      ErrorCase{"Nul_MQTT_1_5_3_2", bytes("00 00 03 'a' 00 'b'"), Errc::InvalidUtf8},
                      ErrorCase{"Surrogate_MQTT_1_5_3_1", bytes("00 00 03 ed a0 80"), Errc::InvalidUtf8},
                      ErrorCase{"Overlong_MQTT_1_5_3_1", bytes("00 00 02 c0 af"), Errc::InvalidUtf8},
                      ErrorCase{"NoPacketId", bytes("02 00 01 'a'"), Errc::BodyLength},
                      ErrorCase{"HalfAPacketId", bytes("02 00 01 'a' 00"), Errc::BodyLength},
                      ErrorCase{"PacketIdZeroQoS1_MQTT_2_3_1_1", bytes("02 00 01 'a' 00 00 'x'"), Errc::PacketIdZero},
                      ErrorCase{"PacketIdZeroQoS2_MQTT_2_3_1_1", bytes("04 00 01 'a' 00 00 'x'"), Errc::PacketIdZero}),
    case_name<ErrorCase>);

TEST(DecodePublish, QoS0HasNoPacketId_MQTT_2_3_1_5) {
  const std::string body = bytes("00 03 'a/b' 00 05 'xyz'");
  const Result<Publish> packet = decode_publish(0x00, body, kLimits);
  ASSERT_TRUE(packet);
  EXPECT_EQ(*packet, (Publish{.topic = "a/b", .payload = std::string_view("\0\5xyz", 5)}));
}

TEST(DecodePublish, QoS1WithEveryFlag) {
  const std::string body = bytes("00 03 'a/b' ff fe 'xyz'");
  const Result<Publish> packet = decode_publish(0x0B, body, kLimits);
  ASSERT_TRUE(packet);
  EXPECT_EQ(*packet, (Publish{.topic = "a/b",
                              .payload = "xyz",
                              .packet_id = 0xFFFE,
                              .qos = Qos::AtLeastOnce,
                              .retain = true,
                              .dup = true}));
}

TEST(DecodePublish, QoS2AndAnEmptyPayload) {
  const std::string body = bytes("00 01 'a' 00 01");
  const Result<Publish> packet = decode_publish(0x04, body, kLimits);
  ASSERT_TRUE(packet);
  EXPECT_EQ(*packet, (Publish{.topic = "a", .packet_id = 1, .qos = Qos::ExactlyOnce}));
}

TEST(DecodePublish, ViewsPointIntoTheBody) {
  const std::string body = bytes("00 03 'a/b' 'xyz'");
  const Result<Publish> packet = decode_publish(0x00, body, kLimits);
  ASSERT_TRUE(packet);
  EXPECT_EQ(packet->topic.data(), body.data() + 2);
  EXPECT_EQ(packet->payload.data(), body.data() + 5);
}

// [MQTT-1.5.3-3]: U+FEFF is neither skipped nor stripped
TEST(DecodePublish, KeepsAByteOrderMark_MQTT_1_5_3_3) {
  const std::string body = bytes("00 04 ef bb bf 'a'");
  const Result<Publish> packet = decode_publish(0x00, body, kLimits);
  ASSERT_TRUE(packet);
  EXPECT_EQ(packet->topic,
            "\xEF\xBB\xBF"
            "a");
}

TEST(DecodePublish, TopicBytesHaveALimit) {
  const DecodeLimits limits{.max_topic_bytes = 20};
  EXPECT_EQ(outcome(decode_publish(0, with_length(std::string(20, 'x')), limits)), Errc::Ok);
  EXPECT_EQ(outcome(decode_publish(0, with_length(std::string(21, 'x')), limits)), Errc::TopicName);
}

TEST(DecodePublish, TopicLevelsHaveALimit) {
  const DecodeLimits limits{.max_topic_levels = 10};
  EXPECT_EQ(outcome(decode_publish(0, with_length(std::string(9, '/')), limits)), Errc::Ok);
  EXPECT_EQ(outcome(decode_publish(0, with_length(std::string(10, '/')), limits)), Errc::TopicName);
}

TEST(DecodePublish, TheLongestStringThereIs) {
  const DecodeLimits limits{.max_topic_bytes = 65'535};
  const std::string body = with_length(std::string(65'535, 'x'));
  const Result<Publish> packet = decode_publish(0, body, limits);
  ASSERT_TRUE(packet);
  EXPECT_EQ(packet->topic.size(), 65'535U);
}

// ---- PUBACK, PUBREC, PUBREL, PUBCOMP, UNSUBACK; PINGREQ, PINGRESP, DISCONNECT

TEST(DecodePacketId, TwoBytesBigEndian) {
  EXPECT_EQ(decode_packet_id(bytes("12 34")).value(), 0x1234);
  EXPECT_EQ(decode_packet_id(bytes("00 01")).value(), 1);
  EXPECT_EQ(decode_packet_id(bytes("ff ff")).value(), 65'535);
}

TEST(DecodePacketId, RefusesZero_MQTT_2_3_1_1) {
  EXPECT_EQ(outcome(decode_packet_id(bytes("00 00"))), Errc::PacketIdZero);
}

TEST(DecodePacketId, RefusesEveryOtherLength) {
  for (const char* body : {"", "01", "00 01 00"}) EXPECT_EQ(outcome(decode_packet_id(bytes(body))), Errc::BodyLength);
}

TEST(DecodeEmpty, RefusesABody) {
  EXPECT_EQ(outcome(decode_empty("")), Errc::Ok);
  EXPECT_EQ(outcome(decode_empty("x")), Errc::BodyLength);
}

// ---- CONNACK

class ConnackErrors : public ::testing::TestWithParam<ErrorCase> {};

TEST_P(ConnackErrors, AreRefused) {
  EXPECT_EQ(outcome(decode_connack(GetParam().input)), GetParam().expected);
}

INSTANTIATE_TEST_SUITE_P(Table, ConnackErrors,
                         ::testing::Values(ErrorCase{"NoBody", bytes(""), Errc::BodyLength},
                                           ErrorCase{"OneByte", bytes("00"), Errc::BodyLength},
                                           ErrorCase{"ThreeBytes", bytes("00 00 00"), Errc::BodyLength},
                                           ErrorCase{"ReservedFlag", bytes("02 00"), Errc::ReservedFlags},
                                           ErrorCase{"HighestReservedFlag", bytes("80 00"), Errc::ReservedFlags},
                                           ErrorCase{"ReservedReturnCode", bytes("00 06"), Errc::ReturnCode},
                                           ErrorCase{"SessionPresentInARefusal_MQTT_3_2_2_4", bytes("01 05"),
                                                     Errc::ReturnCode}),
                         case_name<ErrorCase>);

TEST(DecodeConnack, EveryReturnCode) {
  for (std::uint8_t code = 0; code <= 5; ++code) {
    const std::string body = {'\0', static_cast<char>(code)};
    const Result<Connack> packet = decode_connack(body);
    ASSERT_TRUE(packet);
    EXPECT_EQ(*packet, (Connack{.return_code = static_cast<ConnectReturnCode>(code)}));
  }
  EXPECT_TRUE(decode_connack(bytes("01 00"))->session_present);
}

// ---- SUBSCRIBE

class SubscribeErrors : public ::testing::TestWithParam<ErrorCase> {};

TEST_P(SubscribeErrors, AreRefused) {
  EXPECT_EQ(outcome(decode_subscribe(GetParam().input, kLimits)), GetParam().expected);
}

INSTANTIATE_TEST_SUITE_P(
    Table, SubscribeErrors,
    ::testing::Values(ErrorCase{"NoBody", bytes(""), Errc::BodyLength},
                      ErrorCase{"PacketIdZero_MQTT_2_3_1_1", bytes("00 00 00 01 'a' 00"), Errc::PacketIdZero},
                      ErrorCase{"NoFilter_MQTT_3_8_3_3", bytes("00 01"), Errc::NoFilters},
                      ErrorCase{"NoQoS", bytes("00 01 00 01 'a'"), Errc::BodyLength},
                      ErrorCase{"FilterLongerThanBody", bytes("00 01 00 09 'a' 00"), Errc::BodyLength},
                      ErrorCase{"TrailingByte", bytes("00 01 00 01 'a' 00 00"), Errc::BodyLength},
                      ErrorCase{"QoS3_MQTT_3_8_3_4", bytes("00 01 00 01 'a' 03"), Errc::InvalidQos},
                      ErrorCase{"ReservedQoSBits_MQTT_3_8_3_4", bytes("00 01 00 01 'a' 04"), Errc::ReservedFlags},
                      ErrorCase{"HighestReservedQoSBit_MQTT_3_8_3_4", bytes("00 01 00 01 'a' 80"), Errc::ReservedFlags},
                      ErrorCase{"EmptyFilter_MQTT_4_7_3_1", bytes("00 01 00 00 00"), Errc::TopicFilter},
                      ErrorCase{"Hash_MQTT_4_7_1_2", bytes("00 01 00 03 '#/a' 00"), Errc::TopicFilter},
                      ErrorCase{"Plus_MQTT_4_7_1_3", bytes("00 01 00 02 'a+' 00"), Errc::TopicFilter},
                      ErrorCase{"Nul_MQTT_4_7_3_2", bytes("00 01 00 01 00 00"), Errc::InvalidUtf8},
                      ErrorCase{"NotUtf8_MQTT_3_8_3_1", bytes("00 01 00 01 ff 00"), Errc::InvalidUtf8},
                      ErrorCase{"SecondFilterIsBad", bytes("00 01 00 01 'a' 00 00 02 'b#' 00"), Errc::TopicFilter}),
    case_name<ErrorCase>);

TEST(DecodeSubscribe, FiltersKeepTheirOrderAndQoS) {
  const std::string body = bytes("00 0a 00 03 'a/b' 01 00 03 'c/#' 02 00 01 '+' 00");
  const Result<Subscribe> packet = decode_subscribe(body, kLimits);
  ASSERT_TRUE(packet);
  EXPECT_EQ(packet->packet_id, 10);
  EXPECT_THAT(packet->requests, ElementsAre(TopicRequest{.filter = "a/b", .qos = Qos::AtLeastOnce},
                                            TopicRequest{.filter = "c/#", .qos = Qos::ExactlyOnce},
                                            TopicRequest{.filter = "+", .qos = Qos::AtMostOnce}));
}

TEST(DecodeSubscribe, FiltersBeyondALimitAreRefusedAndTheOthersAreNot) {
  const DecodeLimits limits{.max_topic_bytes = 5, .max_topic_levels = 3, .max_filters_per_packet = 4};
  const auto refused = [&](std::string_view filter) {
    const std::string body = bytes("00 01") + with_length(filter) + bytes("00") + bytes("00 01 'a' 00");
    const Result<Subscribe> packet = decode_subscribe(body, limits);
    EXPECT_TRUE(packet && packet->requests.size() == 2 && !packet->requests[1].refused) << filter;
    return packet && packet->requests[0].refused;
  };
  EXPECT_FALSE(refused("abcde"));
  EXPECT_TRUE(refused("abcdef"));
  EXPECT_FALSE(refused("a/b/#"));
  EXPECT_TRUE(refused("a///"));

  const std::string body = bytes("00 01") + repeat(bytes("00 01 'a' 00"), 5);
  const Result<Subscribe> packet = decode_subscribe(body, limits);
  ASSERT_TRUE(packet);
  ASSERT_EQ(packet->requests.size(), 5U);
  EXPECT_FALSE(packet->requests[3].refused);
  EXPECT_TRUE(packet->requests[4].refused);
}

TEST(DecodeSubscribe, AFilterBeyondALimitMustStillBeWellFormed) {
  const DecodeLimits limits{.max_topic_bytes = 2, .max_filters_per_packet = 1};
  EXPECT_EQ(outcome(decode_subscribe(bytes("00 01 00 03 'aa#' 00"), limits)), Errc::TopicFilter);
  EXPECT_EQ(outcome(decode_subscribe(bytes("00 01 00 01 'a' 00 00 01 ff 00"), limits)), Errc::InvalidUtf8);
}

// ---- UNSUBSCRIBE

class UnsubscribeErrors : public ::testing::TestWithParam<ErrorCase> {};

TEST_P(UnsubscribeErrors, AreRefused) {
  EXPECT_EQ(outcome(decode_unsubscribe(GetParam().input)), GetParam().expected);
}

INSTANTIATE_TEST_SUITE_P(
    Table, UnsubscribeErrors,
    ::testing::Values(ErrorCase{"NoBody", bytes(""), Errc::BodyLength},
                      ErrorCase{"PacketIdZero_MQTT_2_3_1_1", bytes("00 00 00 01 'a'"), Errc::PacketIdZero},
                      ErrorCase{"NoFilter_MQTT_3_10_3_2", bytes("00 01"), Errc::NoFilters},
                      ErrorCase{"FilterLongerThanBody", bytes("00 01 00 02 'a'"), Errc::BodyLength},
                      ErrorCase{"TrailingByte", bytes("00 01 00 01 'a' 00"), Errc::BodyLength},
                      ErrorCase{"EmptyFilter_MQTT_4_7_3_1", bytes("00 01 00 00"), Errc::TopicFilter},
                      ErrorCase{"Hash_MQTT_4_7_1_2", bytes("00 01 00 02 'a#'"), Errc::TopicFilter},
                      ErrorCase{"NotUtf8_MQTT_3_10_3_1", bytes("00 01 00 01 ff"), Errc::InvalidUtf8}),
    case_name<ErrorCase>);

TEST(DecodeUnsubscribe, FiltersKeepTheirOrder) {
  const std::string body = bytes("12 34 00 03 'a/b' 00 01 '#'");
  const Result<Unsubscribe> packet = decode_unsubscribe(body);
  ASSERT_TRUE(packet);
  EXPECT_EQ(packet->packet_id, 0x1234);
  EXPECT_THAT(packet->filters, ElementsAre("a/b", "#"));
}

// ---- SUBACK

TEST(DecodeSuback, EveryReturnCode_MQTT_3_9_3_2) {
  const Result<Suback> packet = decode_suback(bytes("00 07 00 01 02 80"));
  ASSERT_TRUE(packet);
  EXPECT_EQ(packet->packet_id, 7);
  EXPECT_THAT(packet->return_codes, ElementsAre(0, 1, 2, 0x80));
  for (const char* body : {"00 07 03", "00 07 7f", "00 07 81", "00 07 ff", "00 07 00 04"}) {
    EXPECT_EQ(outcome(decode_suback(bytes(body))), Errc::ReturnCode) << body;
  }
}

TEST(DecodeSuback, RefusesMissingFields) {
  for (const char* body : {"", "00", "00 07"}) EXPECT_EQ(outcome(decode_suback(bytes(body))), Errc::BodyLength) << body;
  EXPECT_EQ(outcome(decode_suback(bytes("00 00 00"))), Errc::PacketIdZero);  // [MQTT-2.3.1-1]
}

}  // namespace
}  // namespace mqttproxy::mqtt::test
