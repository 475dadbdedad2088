#include "any_packet.hpp"
#include "codec_testing.hpp"

namespace mqttproxy::mqtt::test {
namespace {

constexpr DecodeLimits kUnlimited{.max_packet_bytes = 0xFFFF'FFFF, .max_topic_bytes = 65'535};

struct EncodeCase {
  const char* name;
  AnyPacket packet;
  std::string expected;
};

std::ostream& operator<<(std::ostream& out, const EncodeCase& encode_case) {
  return out << encode_case.name;
}

class Encode : public ::testing::TestWithParam<EncodeCase> {};

TEST_P(Encode, GivesTheBytesOfTheSpecification) {
  EXPECT_EQ(encode_any(GetParam().packet), GetParam().expected);
}

TEST_P(Encode, AppendsToWhatIsThere) {
  std::string out = "before";
  std::visit(Encoder{out}, GetParam().packet);
  EXPECT_EQ(out, "before" + GetParam().expected);
}

TEST_P(Encode, DecodesToTheSame) {
  const std::string packet = encode_any(GetParam().packet);
  const auto header = decode_fixed_header(packet, kUnlimited);
  ASSERT_TRUE(header && *header);
  ASSERT_EQ((*header)->packet_bytes(), packet.size());
  const std::string_view body = std::string_view(packet).substr((*header)->header_bytes);
  const Result<AnyPacket> decoded = decode_any((*header)->type, (*header)->flags, body, kUnlimited);
  ASSERT_EQ(outcome(decoded), Errc::Ok);
  EXPECT_TRUE(*decoded == GetParam().packet);
}

constexpr Will kWill{.topic = "w", .payload = "gone", .qos = Qos::AtLeastOnce, .retain = true};

INSTANTIATE_TEST_SUITE_P(
    Table, Encode,
    ::testing::Values(
        EncodeCase{"Connect", Connect{}, bytes("10 0c 00 04 'MQTT' 04 02 00 00 00 00")},
        EncodeCase{"ConnectPersistent", Connect{.clean_session = false, .keep_alive = 0x1234, .client_id = "dev"},
                   bytes("10 0f 00 04 'MQTT' 04 00 12 34 00 03 'dev'")},
        EncodeCase{"ConnectWithEverything",
                   Connect{.keep_alive = 10, .client_id = "dev", .will = kWill, .username = "me", .password = "pw"},
                   bytes("10 20 00 04 'MQTT' 04 ee 00 0a 00 03 'dev' 00 01 'w' 00 04 'gone' 00 02 'me' 00 02 'pw'")},
        EncodeCase{"ConnectV31", Connect{.level = ProtocolLevel::V31, .client_id = "d", .username = "me"},
                   bytes("10 13 00 06 'MQIsdp' 03 82 00 00 00 01 'd' 00 02 'me'")},
        EncodeCase{"Connack", Connack{}, bytes("20 02 00 00")},
        EncodeCase{"ConnackSessionPresent", Connack{.session_present = true}, bytes("20 02 01 00")},
        EncodeCase{"ConnackRefused", Connack{.return_code = ConnectReturnCode::NotAuthorized}, bytes("20 02 00 05")},
        EncodeCase{"PublishQoS0", Publish{.topic = "a/b", .payload = "hi"}, bytes("30 07 00 03 'a/b' 'hi'")},
        EncodeCase{"PublishEmptyPayload", Publish{.topic = "a"}, bytes("30 03 00 01 'a'")},
        EncodeCase{"PublishQoS1",
                   Publish{.topic = "a", .payload = "x", .packet_id = 0x0102, .qos = Qos::AtLeastOnce, .retain = true},
                   bytes("33 06 00 01 'a' 01 02 'x'")},
        EncodeCase{"PublishQoS2Dup", Publish{.topic = "a", .packet_id = 1, .qos = Qos::ExactlyOnce, .dup = true},
                   bytes("3c 05 00 01 'a' 00 01")},
        EncodeCase{"Puback", Acknowledgement{PacketType::Puback, 1}, bytes("40 02 00 01")},
        EncodeCase{"Pubrec", Acknowledgement{PacketType::Pubrec, 0xFFFF}, bytes("50 02 ff ff")},
        EncodeCase{"Pubrel_MQTT_3_6_1_1", Acknowledgement{PacketType::Pubrel, 0x0102}, bytes("62 02 01 02")},
        EncodeCase{"Pubcomp", Acknowledgement{PacketType::Pubcomp, 3}, bytes("70 02 00 03")},
        EncodeCase{"Subscribe_MQTT_3_8_1_1",
                   Subscribe{.packet_id = 10, .requests = {{"a/b", Qos::AtLeastOnce}, {"#", Qos::ExactlyOnce}}},
                   bytes("82 0c 00 0a 00 03 'a/b' 01 00 01 '#' 02")},
        EncodeCase{"Suback", Suback{.packet_id = 10, .return_codes = {0, 1, 2, 0x80}},
                   bytes("90 06 00 0a 00 01 02 80")},
        EncodeCase{"Unsubscribe_MQTT_3_10_1_1", Unsubscribe{.packet_id = 10, .filters = {"a/b", "+"}},
                   bytes("a2 0a 00 0a 00 03 'a/b' 00 01 '+'")},
        EncodeCase{"Unsuback", Acknowledgement{PacketType::Unsuback, 10}, bytes("b0 02 00 0a")},
        EncodeCase{"Pingreq", Empty{PacketType::Pingreq}, bytes("c0 00")},
        EncodeCase{"Pingresp", Empty{PacketType::Pingresp}, bytes("d0 00")},
        EncodeCase{"Disconnect", Empty{PacketType::Disconnect}, bytes("e0 00")}),
    case_name<EncodeCase>);

TEST(EncodeConnack, ARefusalNeverCarriesSessionPresent_MQTT_3_2_2_4) {
  std::string out;
  encode_connack(out, {.session_present = true, .return_code = ConnectReturnCode::ServerUnavailable});
  EXPECT_EQ(out, bytes("20 02 00 03"));
}

// Remaining length at the bounds of its one, two and three byte forms; the body is 2 + 1 + payload.
TEST(EncodePublish, RemainingLengthGrowsWithThePayload) {
  const struct {
    std::size_t remaining_length;
    const char* header;
  } cases[] = {{127, "30 7f"},          {128, "30 80 01"},          {16'383, "30 ff 7f"},
               {16'384, "30 80 80 01"}, {2'097'151, "30 ff ff 7f"}, {2'097'152, "30 80 80 80 01"}};
  for (const auto& c : cases) {
    const std::string payload(c.remaining_length - 3, 'x');
    std::string out;
    encode_publish(out, {.topic = "t", .payload = payload});
    const std::string header = bytes(c.header);
    ASSERT_EQ(out.size(), header.size() + c.remaining_length);
    EXPECT_EQ(out.substr(0, header.size()), header);
    EXPECT_EQ(out.substr(header.size(), 3), bytes("00 01 't'"));
  }
}

TEST(EncodePublish, TheLongestTopicThereIs) {
  const std::string topic(65'535, 'x');
  std::string out;
  encode_publish(out, {.topic = topic});
  EXPECT_EQ(out, bytes("30 81 80 04") + with_length(topic));
}

TEST(EncodePublishHead, IsWhatEveryCopyOfAMessageBeginsWith) {
  for (const Qos qos : {Qos::AtMostOnce, Qos::AtLeastOnce}) {
    const PacketId packet_id = qos == Qos::AtMostOnce ? PacketId{0} : PacketId{0x1234};
    const Publish packet{.topic = "a/b", .payload = "hello", .packet_id = packet_id, .qos = qos};
    std::string whole;
    encode_publish(whole, packet);
    std::string head;
    encode_publish_head(head, packet);
    const std::string id = qos == Qos::AtMostOnce ? std::string() : std::string("\x12\x34");
    EXPECT_EQ(head + id + "hello", whole);
  }
}

TEST(SetDup, MakesARepetition_MQTT_3_3_1_1) {
  std::string first = "xyz";
  encode_publish(first, {.topic = "t", .payload = "p", .packet_id = 1, .qos = Qos::AtLeastOnce});
  std::string again = "xyz";
  encode_publish(again, {.topic = "t", .payload = "p", .packet_id = 1, .qos = Qos::AtLeastOnce, .dup = true});
  set_dup(first, 3);
  EXPECT_EQ(first, again);
}

}  // namespace
}  // namespace mqttproxy::mqtt::test
