#include "mqttproxy/mqtt/packets.hpp"

#include <gtest/gtest.h>

namespace mqttproxy::mqtt {
namespace {

TEST(PacketTypeName, IsTheSpecificationsName) {
  EXPECT_EQ(to_string(PacketType::Connect), "CONNECT");
  EXPECT_EQ(to_string(PacketType::Connack), "CONNACK");
  EXPECT_EQ(to_string(PacketType::Publish), "PUBLISH");
  EXPECT_EQ(to_string(PacketType::Puback), "PUBACK");
  EXPECT_EQ(to_string(PacketType::Pubrec), "PUBREC");
  EXPECT_EQ(to_string(PacketType::Pubrel), "PUBREL");
  EXPECT_EQ(to_string(PacketType::Pubcomp), "PUBCOMP");
  EXPECT_EQ(to_string(PacketType::Subscribe), "SUBSCRIBE");
  EXPECT_EQ(to_string(PacketType::Suback), "SUBACK");
  EXPECT_EQ(to_string(PacketType::Unsubscribe), "UNSUBSCRIBE");
  EXPECT_EQ(to_string(PacketType::Unsuback), "UNSUBACK");
  EXPECT_EQ(to_string(PacketType::Pingreq), "PINGREQ");
  EXPECT_EQ(to_string(PacketType::Pingresp), "PINGRESP");
  EXPECT_EQ(to_string(PacketType::Disconnect), "DISCONNECT");
  EXPECT_EQ(to_string(static_cast<PacketType>(0)), "RESERVED");
  EXPECT_EQ(to_string(static_cast<PacketType>(15)), "RESERVED");
}

TEST(FixedHeaderSize, CountsHeaderAndBody) {
  const FixedHeader header{.type = PacketType::Publish, .flags = 0, .remaining_length = 268'435'455, .header_bytes = 5};
  EXPECT_EQ(header.packet_bytes(), 268'435'460U);
}

}  // namespace
}  // namespace mqttproxy::mqtt
