// Cut packets: TCP delivers any piece of a packet, and a hostile header any piece of a body.
#include <memory>

#include "any_packet.hpp"
#include "codec_testing.hpp"

namespace mqttproxy::mqtt::test {
namespace {

constexpr DecodeLimits kLimits;

/// The front of `packet` in memory of exactly that size, so that the sanitizer sees a byte read beyond it.
struct ExactCopy {
  ExactCopy(std::string_view packet, std::size_t size)
      : memory(std::make_unique<char[]>(size)), bytes(memory.get(), size) {
    packet.copy(memory.get(), size);
  }
  std::unique_ptr<char[]> memory;
  std::string_view bytes;
};

class Truncation : public ::testing::TestWithParam<const char*> {};

TEST_P(Truncation, EveryPrefixOfThePacketWantsMoreBytes) {
  const std::string packet = bytes(GetParam());
  for (std::size_t size = 0; size < packet.size(); ++size) {
    const ExactCopy prefix(packet, size);
    const auto header = decode_fixed_header(prefix.bytes, kLimits);
    ASSERT_EQ(outcome(header), Errc::Ok) << size;
    if (*header) {
      EXPECT_GT((*header)->packet_bytes(), size);
    }
  }
}

// Some bodies are still a packet when cut (a shorter payload, fewer filters); then nothing may have been made up.
TEST_P(Truncation, EveryPrefixOfTheBodyIsAnErrorOrAShorterPacket) {
  const std::string packet = bytes(GetParam());
  const auto header = decode_fixed_header(packet, kLimits);
  ASSERT_TRUE(header && *header);
  const std::string_view body = std::string_view(packet).substr((*header)->header_bytes);
  for (std::size_t size = 0; size < body.size(); ++size) {
    const ExactCopy prefix(body, size);
    const Result<AnyPacket> decoded = decode_any((*header)->type, (*header)->flags, prefix.bytes, kLimits);
    if (!decoded) continue;
    ASSERT_LT(size, 128U) << "the re-encoded header is taken to have two bytes";
    std::string again = encode_any(*decoded).substr(2);
    ASSERT_EQ(again.size(), size);
    // MQTT 3.1 lets flagged credentials be missing: the flags (2 + 6 + 1 bytes into the body) are then corrected.
    const auto* connect = std::get_if<Connect>(&*decoded);
    if (connect != nullptr && connect->level == ProtocolLevel::V31) again[9] = prefix.bytes[9];
    EXPECT_EQ(again, prefix.bytes) << size;
  }
}

TEST_P(Truncation, TheWholePacketDecodes) {
  const std::string packet = bytes(GetParam());
  const auto header = decode_fixed_header(packet, kLimits);
  ASSERT_TRUE(header && *header);
  const ExactCopy body(std::string_view(packet).substr((*header)->header_bytes), (*header)->remaining_length);
  const Result<AnyPacket> decoded = decode_any((*header)->type, (*header)->flags, body.bytes, kLimits);
  ASSERT_EQ(outcome(decoded), Errc::Ok);
  EXPECT_EQ(encode_any(*decoded), packet);
}

INSTANTIATE_TEST_SUITE_P(
    EveryType, Truncation,
    ::testing::Values("10 20 00 04 'MQTT' 04 ee 00 0a 00 03 'dev' 00 01 'w' 00 04 'gone' 00 02 'me' 00 02 'pw'",
                      "10 22 00 06 'MQIsdp' 03 ee 00 0a 00 03 'dev' 00 01 'w' 00 04 'gone' 00 02 'me' 00 02 'pw'",
                      "20 02 01 00", "30 14 00 10 'sensors/' e2 82 ac '/temp' '21'",
                      "33 16 00 10 'sensors/' e2 82 ac '/temp' 00 01 '21'", "40 02 00 01", "50 02 00 01", "62 02 00 01",
                      "70 02 00 01", "82 0c 00 0a 00 03 'a/b' 01 00 01 '#' 02", "90 06 00 0a 00 01 02 80",
                      "a2 0a 00 0a 00 03 'a/b' 00 01 '+'", "b0 02 00 0a", "c0 00", "d0 00", "e0 00"));

}  // namespace
}  // namespace mqttproxy::mqtt::test
