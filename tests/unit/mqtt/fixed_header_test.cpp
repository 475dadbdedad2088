#include "codec_testing.hpp"

namespace mqttproxy::mqtt::test {
namespace {

constexpr DecodeLimits kUnlimited{.max_packet_bytes = 0xFFFF'FFFF};

Result<std::optional<FixedHeader>> decode(std::string_view notation) {
  return decode_fixed_header(bytes(notation), kUnlimited);
}

std::string first_byte(unsigned type, unsigned flags) {
  return {static_cast<char>(type << 4U | flags)};
}

/// The flags a type may carry, as section 2.2.2 and PUBLISH's own rules have it.
Errc expected_for(unsigned type, unsigned flags) {
  switch (type) {
    case 0:
    case 15:
      return Errc::ReservedPacketType;
    case 3:
      if ((flags & 0x06U) == 0x06U) return Errc::InvalidQos;
      return (flags & 0x0EU) == 0x08U ? Errc::DupWithQos0 : Errc::Ok;
    case 6:
    case 8:
    case 10:
      return flags == 2 ? Errc::Ok : Errc::ReservedFlags;
    default:
      return flags == 0 ? Errc::Ok : Errc::ReservedFlags;
  }
}

// [MQTT-2.2.2-1] [MQTT-2.2.2-2] [MQTT-3.3.1-2] [MQTT-3.3.1-4] [MQTT-3.6.1-1] [MQTT-3.8.1-1] [MQTT-3.10.1-1]
TEST(FixedHeader, TheFirstByteAloneDecides_MQTT_2_2_2_2) {
  for (unsigned type = 0; type < 16; ++type) {
    for (unsigned flags = 0; flags < 16; ++flags) {
      const auto header = decode_fixed_header(first_byte(type, flags), kUnlimited);
      EXPECT_EQ(outcome(header), expected_for(type, flags)) << "type " << type << " flags " << flags;
      if (header) {
        EXPECT_EQ(*header, std::nullopt);
      }
    }
  }
}

TEST(FixedHeader, Mqtt31MayRepeatWithDup) {
  for (unsigned type = 1; type < 15; ++type) {
    for (unsigned flags = 0; flags < 16; ++flags) {
      const bool repeated = (type == 6 || type == 8 || type == 10) && flags == 0x0A;
      const auto header = decode_fixed_header(first_byte(type, flags), kUnlimited, ProtocolLevel::V31);
      EXPECT_EQ(outcome(header), repeated ? Errc::Ok : expected_for(type, flags)) << type << ' ' << flags;
    }
  }
}

// Table 2.4 of the specification: the smallest and the largest number of each size.
TEST(FixedHeader, RemainingLengthAtItsBounds) {
  const struct {
    const char* input;
    std::uint32_t length;
    std::uint8_t header_bytes;
  } cases[] = {
      {"30 00", 0, 2},
      {"30 7f", 127, 2},
      {"30 80 01", 128, 3},
      {"30 ff 7f", 16'383, 3},
      {"30 80 80 01", 16'384, 4},
      {"30 ff ff 7f", 2'097'151, 4},
      {"30 80 80 80 01", 2'097'152, 5},
      {"30 ff ff ff 7f", 268'435'455, 5},
  };
  for (const auto& c : cases) {
    const auto header = decode(c.input);
    ASSERT_TRUE(header && *header) << c.input;
    const FixedHeader expected{
        .type = PacketType::Publish, .flags = 0, .remaining_length = c.length, .header_bytes = c.header_bytes};
    EXPECT_EQ(**header, expected) << c.input;
  }
}

TEST(FixedHeader, WantsMoreBytes) {
  for (const char* input : {"", "30", "30 80", "30 ff ff", "30 ff ff ff"}) {
    const auto header = decode(input);
    ASSERT_TRUE(header) << input;
    EXPECT_EQ(*header, std::nullopt) << input;
  }
}

TEST(FixedHeader, RemainingLengthTakesAtMostFourBytes) {
  EXPECT_EQ(outcome(decode("30 ff ff ff ff")), Errc::RemainingLengthMalformed);
  EXPECT_EQ(outcome(decode("30 80 80 80 80 01")), Errc::RemainingLengthMalformed);
  EXPECT_EQ(outcome(decode_fixed_header(bytes("10 ff ff ff ff"), DecodeLimits{})), Errc::RemainingLengthMalformed);
}

// MQTT 3.1.1 does not ask for the shortest form (MQTT 5 does).
TEST(FixedHeader, PaddedRemainingLengthIsLegal) {
  const auto header = decode("30 85 80 00");
  ASSERT_TRUE(header && *header);
  EXPECT_EQ((*header)->remaining_length, 5U);
  EXPECT_EQ((*header)->packet_bytes(), 9U);
}

TEST(FixedHeader, BytesBehindItAreNotRead) {
  const auto header = decode("c0 00 00 ff");
  ASSERT_TRUE(header && *header);
  EXPECT_EQ((*header)->type, PacketType::Pingreq);
  EXPECT_EQ((*header)->packet_bytes(), 2U);
}

TEST(FixedHeader, PacketBytesHaveALimit) {
  const DecodeLimits limits{.max_packet_bytes = 1'000};  // header (3) + 997
  EXPECT_EQ(outcome(decode_fixed_header(bytes("30 e5 07"), limits)), Errc::Ok);
  EXPECT_EQ(outcome(decode_fixed_header(bytes("30 e6 07"), limits)), Errc::PacketTooLarge);
  EXPECT_EQ(outcome(decode_fixed_header(bytes("30 ff ff ff 7f"), DecodeLimits{})), Errc::PacketTooLarge);
}

// Nothing of a body that can't be right is waited for.
TEST(FixedHeader, TypesOfOneLengthAreCheckedAtOnce) {
  for (const char* input : {"20 01", "20 03", "40 00", "40 03", "50 01", "62 03", "70 80 01", "b0 04", "c0 01", "d0 02",
                            "e0 01", "e0 ff 7f"}) {
    EXPECT_EQ(outcome(decode(input)), Errc::BodyLength) << input;
  }
  for (const char* input : {"20 02", "40 02", "50 02", "62 02", "70 02", "b0 02", "c0 00", "d0 00", "e0 00"}) {
    EXPECT_EQ(outcome(decode(input)), Errc::Ok) << input;
  }
}

TEST(FixedHeader, TooLargeWinsOverAnImpossibleLength) {
  EXPECT_EQ(outcome(decode_fixed_header(bytes("c0 ff ff ff 7f"), DecodeLimits{})), Errc::PacketTooLarge);
}

}  // namespace
}  // namespace mqttproxy::mqtt::test
