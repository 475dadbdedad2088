#include "mqttproxy/mqtt/error.hpp"

#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mqttproxy::mqtt {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

std::vector<Errc> all_errors() {
  std::vector<Errc> all;
  all.reserve(static_cast<std::size_t>(Errc::Count_));
  for (int i = 0; i < static_cast<int>(Errc::Count_); ++i) all.push_back(static_cast<Errc>(i));
  return all;
}

// Dashboards select by these names, so a changed one is a breaking change.
TEST(ErrorKind, NamesAreStable) {
  const std::vector<std::pair<Errc, std::string_view>> expected = {
      {Errc::Ok, "ok"},
      {Errc::ReservedPacketType, "reserved_packet_type"},
      {Errc::RemainingLengthMalformed, "remaining_length_malformed"},
      {Errc::PacketTooLarge, "packet_too_large"},
      {Errc::ReservedFlags, "reserved_flags"},
      {Errc::BodyLength, "body_length"},
      {Errc::InvalidUtf8, "invalid_utf8"},
      {Errc::InvalidQos, "invalid_qos"},
      {Errc::DupWithQos0, "dup_with_qos0"},
      {Errc::PacketIdZero, "packet_id_zero"},
      {Errc::TopicName, "topic_name"},
      {Errc::TopicFilter, "topic_filter"},
      {Errc::NoFilters, "no_filters"},
      {Errc::ProtocolName, "protocol_name"},
      {Errc::UnacceptableProtocolLevel, "unacceptable_protocol_level"},
      {Errc::ConnectFlags, "connect_flags"},
      {Errc::ClientIdRejected, "client_id_rejected"},
      {Errc::ReturnCode, "return_code"},
      {Errc::FirstPacketNotConnect, "first_packet_not_connect"},
      {Errc::SecondConnect, "second_connect"},
      {Errc::ServerOnlyPacket, "server_only_packet"},
      {Errc::UnexpectedPacket, "unexpected_packet"},
  };
  ASSERT_EQ(expected.size(), static_cast<std::size_t>(Errc::Count_));
  for (const auto& [e, name] : expected) EXPECT_EQ(kind(e), name);
}

TEST(ErrorKind, IsALabelAndUnique) {
  std::set<std::string_view> seen;
  for (const Errc e : all_errors()) {
    EXPECT_THAT(std::string(kind(e)), MatchesRegex("[a-z][a-z0-9_]*"));
    EXPECT_TRUE(seen.insert(kind(e)).second) << kind(e);
  }
}

TEST(ErrorMessage, IsOneLineAndUnique) {
  std::set<std::string_view> seen;
  for (const Errc e : all_errors()) {
    EXPECT_FALSE(message(e).empty()) << kind(e);
    EXPECT_EQ(message(e).find('\n'), std::string_view::npos) << kind(e);
    EXPECT_TRUE(seen.insert(message(e)).second) << kind(e);
  }
  EXPECT_THAT(std::string(message(Errc::FirstPacketNotConnect)), HasSubstr("[MQTT-3.1.0-1]"));
  EXPECT_THAT(std::string(message(Errc::SecondConnect)), HasSubstr("[MQTT-3.1.0-2]"));
}

TEST(ErrorCode, CarriesValueCategoryAndMessage) {
  const boost::system::error_code code = Errc::PacketIdZero;
  EXPECT_TRUE(code.failed());
  EXPECT_EQ(code.value(), static_cast<int>(Errc::PacketIdZero));
  EXPECT_EQ(&code.category(), &category());
  EXPECT_EQ(code.message(), message(Errc::PacketIdZero));
  EXPECT_STREQ(category().name(), "mqtt");
  EXPECT_FALSE(boost::system::error_code(Errc::Ok).failed());
}

TEST(ErrorCode, ForeignValuesHaveAMessageToo) {
  EXPECT_EQ(category().message(-1), "unknown MQTT error");
  EXPECT_EQ(category().message(static_cast<int>(Errc::Count_)), "unknown MQTT error");
}

}  // namespace
}  // namespace mqttproxy::mqtt
