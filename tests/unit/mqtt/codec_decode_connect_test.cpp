#include "codec_testing.hpp"

namespace mqttproxy::mqtt::test {
namespace {

constexpr DecodeLimits kLimits;

// ---- What is refused

class ConnectErrors : public ::testing::TestWithParam<ErrorCase> {};

TEST_P(ConnectErrors, AreRefused) {
  EXPECT_EQ(outcome(decode_connect(GetParam().input, kLimits)), GetParam().expected);
}

INSTANTIATE_TEST_SUITE_P(
    ProtocolNameAndLevel, ConnectErrors,
    ::testing::Values(
        ErrorCase{"NoBody", bytes(""), Errc::BodyLength}, ErrorCase{"HalfAName", bytes("00 04 'MQ'"), Errc::BodyLength},
        ErrorCase{"OtherName_MQTT_3_1_2_1", bytes("00 04 'mqtt' 04 02 00 3c 00 01 'a'"), Errc::ProtocolName},
        ErrorCase{"LongerName_MQTT_3_1_2_1", bytes("00 05 'MQTTX' 04 02 00 3c 00 01 'a'"), Errc::ProtocolName},
        ErrorCase{"EmptyName_MQTT_3_1_2_1", bytes("00 00 04 02 00 3c 00 01 'a'"), Errc::ProtocolName},
        ErrorCase{"OtherNameWithoutLevel_MQTT_3_1_2_1", bytes("00 04 'HTTP'"), Errc::ProtocolName},
        ErrorCase{"NoLevel", bytes("00 04 'MQTT'"), Errc::BodyLength},
        ErrorCase{"Level3OfMqtt_MQTT_3_1_2_2", bytes("00 04 'MQTT' 03 02 00 3c 00 01 'a'"),
                  Errc::UnacceptableProtocolLevel},
        ErrorCase{"Level4OfMqisdp_MQTT_3_1_2_2", bytes("00 06 'MQIsdp' 04 02 00 3c 00 01 'a'"),
                  Errc::UnacceptableProtocolLevel},
        ErrorCase{"Level5_MQTT_3_1_2_2", bytes("00 04 'MQTT' 05 02 00 3c 00 00 01 'a'"),
                  Errc::UnacceptableProtocolLevel},
        ErrorCase{"BridgeLevel_MQTT_3_1_2_2", bytes("00 04 'MQTT' 84 02 00 3c 00 01 'a'"),
                  Errc::UnacceptableProtocolLevel},
        // What follows a foreign level is not read: its layout is not ours.
        ErrorCase{"NothingBehindAForeignLevelIsRead", bytes("00 04 'MQTT' 05"), Errc::UnacceptableProtocolLevel}),
    case_name<ErrorCase>);

INSTANTIATE_TEST_SUITE_P(
    Flags, ConnectErrors,
    ::testing::Values(
        ErrorCase{"NoFlags", bytes("00 04 'MQTT' 04"), Errc::BodyLength},
        ErrorCase{"Reserved_MQTT_3_1_2_3", bytes("00 04 'MQTT' 04 03 00 3c 00 01 'a'"), Errc::ConnectFlags},
        ErrorCase{"WillQosWithoutWill_MQTT_3_1_2_13", bytes("00 04 'MQTT' 04 0a 00 3c 00 01 'a'"), Errc::ConnectFlags},
        ErrorCase{"WillQos3WithoutWill_MQTT_3_1_2_13", bytes("00 04 'MQTT' 04 1a 00 3c 00 01 'a'"), Errc::ConnectFlags},
        ErrorCase{"WillRetainWithoutWill_MQTT_3_1_2_15", bytes("00 04 'MQTT' 04 22 00 3c 00 01 'a'"),
                  Errc::ConnectFlags},
        ErrorCase{"WillQos3_MQTT_3_1_2_14", bytes("00 04 'MQTT' 04 1e 00 3c 00 01 'a' 00 01 't' 00 00"),
                  Errc::InvalidQos},
        ErrorCase{"PasswordWithoutUser_MQTT_3_1_2_22", bytes("00 04 'MQTT' 04 42 00 3c 00 01 'a' 00 01 'p'"),
                  Errc::ConnectFlags},
        ErrorCase{"V31PasswordWithoutUser", bytes("00 06 'MQIsdp' 03 42 00 3c 00 01 'a' 00 01 'p'"),
                  Errc::ConnectFlags},
        ErrorCase{"V31WillQos3", bytes("00 06 'MQIsdp' 03 1e 00 3c 00 01 'a' 00 01 't' 00 00"), Errc::InvalidQos}),
    case_name<ErrorCase>);

INSTANTIATE_TEST_SUITE_P(
    Payload, ConnectErrors,
    ::testing::Values(
        ErrorCase{"NoKeepAlive", bytes("00 04 'MQTT' 04 02"), Errc::BodyLength},
        ErrorCase{"HalfAKeepAlive", bytes("00 04 'MQTT' 04 02 00"), Errc::BodyLength},
        ErrorCase{"NoClientId_MQTT_3_1_3_3", bytes("00 04 'MQTT' 04 02 00 3c"), Errc::BodyLength},
        ErrorCase{"ClientIdNotUtf8_MQTT_3_1_3_4", bytes("00 04 'MQTT' 04 02 00 3c 00 01 ff"), Errc::InvalidUtf8},
        ErrorCase{"ClientIdWithNul_MQTT_1_5_3_2", bytes("00 04 'MQTT' 04 02 00 3c 00 01 00"), Errc::InvalidUtf8},
        ErrorCase{"TrailingByte", bytes("00 04 'MQTT' 04 02 00 3c 00 01 'a' 00"), Errc::BodyLength},
        ErrorCase{"NoWillTopic_MQTT_3_1_2_9", bytes("00 04 'MQTT' 04 06 00 3c 00 01 'a'"), Errc::BodyLength},
        ErrorCase{"NoWillMessage_MQTT_3_1_2_9", bytes("00 04 'MQTT' 04 06 00 3c 00 01 'a' 00 01 't'"),
                  Errc::BodyLength},
        ErrorCase{"WillTopicEmpty_MQTT_4_7_3_1", bytes("00 04 'MQTT' 04 06 00 3c 00 01 'a' 00 00 00 00"),
                  Errc::TopicName},
        ErrorCase{"WillTopicWithWildcard_MQTT_3_3_2_2", bytes("00 04 'MQTT' 04 06 00 3c 00 01 'a' 00 03 't/#' 00 00"),
                  Errc::TopicName},
        ErrorCase{"WillTopicNotUtf8_MQTT_3_1_3_10", bytes("00 04 'MQTT' 04 06 00 3c 00 01 'a' 00 01 ff 00 00"),
                  Errc::InvalidUtf8},
        ErrorCase{"NoUserName_MQTT_3_1_2_19", bytes("00 04 'MQTT' 04 82 00 3c 00 01 'a'"), Errc::BodyLength},
        ErrorCase{"UserNameNotUtf8_MQTT_3_1_3_11", bytes("00 04 'MQTT' 04 82 00 3c 00 01 'a' 00 01 ff"),
                  Errc::InvalidUtf8},
        ErrorCase{"UserNameWithoutFlag_MQTT_3_1_2_18", bytes("00 04 'MQTT' 04 02 00 3c 00 01 'a' 00 01 'u'"),
                  Errc::BodyLength},
        ErrorCase{"NoPassword_MQTT_3_1_2_21", bytes("00 04 'MQTT' 04 c2 00 3c 00 01 'a' 00 01 'u'"), Errc::BodyLength},
        ErrorCase{"PasswordWithoutFlag_MQTT_3_1_2_20", bytes("00 04 'MQTT' 04 82 00 3c 00 01 'a' 00 01 'u' 00 01 'p'"),
                  Errc::BodyLength},
        ErrorCase{"V31HalfAUserName", bytes("00 06 'MQIsdp' 03 82 00 3c 00 01 'a' 00"), Errc::BodyLength}),
    case_name<ErrorCase>);

INSTANTIATE_TEST_SUITE_P(
    ClientId, ConnectErrors,
    ::testing::Values(ErrorCase{"EmptyWithoutCleanSession_MQTT_3_1_3_8", bytes("00 04 'MQTT' 04 00 00 3c 00 00"),
                                Errc::ClientIdRejected},
                      ErrorCase{"V31Empty", bytes("00 06 'MQIsdp' 03 02 00 3c 00 00"), Errc::ClientIdRejected},
                      // A packet that is malformed as well gets no answer.
                      ErrorCase{"EmptyAndTrailingByte", bytes("00 04 'MQTT' 04 00 00 3c 00 00 00"), Errc::BodyLength},
                      ErrorCase{"EmptyAndBadUserName", bytes("00 04 'MQTT' 04 80 00 3c 00 00 00 01 ff"),
                                Errc::InvalidUtf8}),
    case_name<ErrorCase>);

// ---- What is accepted

TEST(DecodeConnect, TheSmallest) {
  const std::string body = bytes("00 04 'MQTT' 04 02 00 00 00 00");
  const Result<Connect> packet = decode_connect(body, kLimits);
  ASSERT_TRUE(packet);
  EXPECT_EQ(*packet, Connect{});  // [MQTT-3.1.3-7] an empty client id comes with a clean session
}

TEST(DecodeConnect, PersistentSessionAndKeepAlive) {
  const std::string body = bytes("00 04 'MQTT' 04 00 ab cd 00 03 'dev'");
  const Result<Connect> packet = decode_connect(body, kLimits);
  ASSERT_TRUE(packet);
  EXPECT_EQ(*packet, (Connect{.clean_session = false, .keep_alive = 0xABCD, .client_id = "dev"}));
}

TEST(DecodeConnect, EveryFieldInItsOrder_MQTT_3_1_3_1) {
  const std::string body =
      bytes("00 04 'MQTT' 04 f6 00 0a 00 03 'dev' 00 03 'w/t' 00 02 00 ff 00 02 'me' 00 03 01 00 ff");
  const Result<Connect> packet = decode_connect(body, kLimits);
  ASSERT_TRUE(packet);
  const Will will{.topic = "w/t", .payload = std::string_view("\0\xFF", 2), .qos = Qos::ExactlyOnce, .retain = true};
  EXPECT_EQ(*packet, (Connect{.keep_alive = 10,
                              .client_id = "dev",
                              .will = will,
                              .username = "me",
                              .password = std::string_view("\1\0\xFF", 3)}));
}

TEST(DecodeConnect, EveryWillQos) {
  for (unsigned qos = 0; qos <= 2; ++qos) {
    std::string body = bytes("00 04 'MQTT' 04 06 00 0a 00 01 'a' 00 01 't' 00 00");
    body[7] = static_cast<char>(0x06U | qos << 3U);
    const Result<Connect> packet = decode_connect(body, kLimits);
    ASSERT_TRUE(packet && packet->will) << qos;
    EXPECT_EQ(packet->will->qos, static_cast<Qos>(qos));
    EXPECT_FALSE(packet->will->retain);
    EXPECT_EQ(packet->will->payload, "");
  }
}

TEST(DecodeConnect, EmptyCredentialsAreCredentials) {
  const std::string body = bytes("00 04 'MQTT' 04 c2 00 0a 00 01 'a' 00 00 00 00");
  const Result<Connect> packet = decode_connect(body, kLimits);
  ASSERT_TRUE(packet);
  EXPECT_EQ(packet->username, "");
  EXPECT_EQ(packet->password, "");
}

TEST(DecodeConnect, UserNameWithoutPassword) {
  const std::string body = bytes("00 04 'MQTT' 04 82 00 0a 00 01 'a' 00 01 'u'");
  const Result<Connect> packet = decode_connect(body, kLimits);
  ASSERT_TRUE(packet);
  EXPECT_EQ(packet->username, "u");
  EXPECT_EQ(packet->password, std::nullopt);
}

// ---- MQTT 3.1

TEST(DecodeConnectV31, EveryField) {
  const std::string body = bytes("00 06 'MQIsdp' 03 ce 00 0a 00 01 'a' 00 01 't' 00 01 'm' 00 01 'u' 00 01 'p'");
  const Result<Connect> packet = decode_connect(body, kLimits);
  ASSERT_TRUE(packet);
  EXPECT_EQ(*packet, (Connect{.level = ProtocolLevel::V31,
                              .keep_alive = 10,
                              .client_id = "a",
                              .will = Will{.topic = "t", .payload = "m", .qos = Qos::AtLeastOnce},
                              .username = "u",
                              .password = "p"}));
}

// "The remaining length takes precedence over the user name flag", and likewise for the password.
TEST(DecodeConnectV31, FlaggedCredentialsMayBeMissing) {
  const std::string without_both = bytes("00 06 'MQIsdp' 03 c2 00 0a 00 01 'a'");
  const Result<Connect> none = decode_connect(without_both, kLimits);
  ASSERT_TRUE(none);
  EXPECT_EQ(none->username, std::nullopt);
  EXPECT_EQ(none->password, std::nullopt);

  const std::string without_password = bytes("00 06 'MQIsdp' 03 c2 00 0a 00 01 'a' 00 01 'u'");
  const Result<Connect> user_only = decode_connect(without_password, kLimits);
  ASSERT_TRUE(user_only);
  EXPECT_EQ(user_only->username, "u");
  EXPECT_EQ(user_only->password, std::nullopt);
}

TEST(DecodeConnectV31, UnusedBitsAreDisregarded) {
  for (const char* flags : {"03", "0a", "1a", "22"}) {  // bit 0; will QoS and will retain without a will
    const std::string body = bytes("00 06 'MQIsdp' 03") + bytes(flags) + bytes("00 0a 00 01 'a'");
    const Result<Connect> packet = decode_connect(body, kLimits);
    ASSERT_TRUE(packet) << flags;
    EXPECT_EQ(packet->will, std::nullopt) << flags;
  }
}

// ---- Limits

TEST(DecodeConnect, ClientIdBytesHaveALimit) {
  const DecodeLimits limits{.max_client_id_bytes = 8};
  const auto connect = [&](std::size_t size) {
    return outcome(decode_connect(bytes("00 04 'MQTT' 04 02 00 0a") + with_length(std::string(size, 'x')), limits));
  };
  EXPECT_EQ(connect(8), Errc::Ok);
  EXPECT_EQ(connect(9), Errc::ClientIdRejected);
  EXPECT_EQ(connect(65'535), Errc::ClientIdRejected);
}

TEST(DecodeConnect, WillTopicHasTheLimitsOfTopics) {
  const DecodeLimits limits{.max_topic_bytes = 8, .max_topic_levels = 3};
  const auto connect = [&](std::string_view topic) {
    return outcome(
        decode_connect(bytes("00 04 'MQTT' 04 06 00 0a 00 01 'a'") + with_length(topic) + with_length("m"), limits));
  };
  EXPECT_EQ(connect("12345678"), Errc::Ok);
  EXPECT_EQ(connect("123456789"), Errc::TopicName);
  EXPECT_EQ(connect("a/b/c"), Errc::Ok);
  EXPECT_EQ(connect("a/b/c/"), Errc::TopicName);
}

}  // namespace
}  // namespace mqttproxy::mqtt::test
