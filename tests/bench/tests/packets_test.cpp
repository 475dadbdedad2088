#include "load/packets.hpp"

#include <vector>

#include <gtest/gtest.h>

namespace mqttproxy::bench {
namespace {

std::string gathered(const PacketRing& ring, std::uint64_t first, std::uint32_t count) {
  std::array<iovec, 2> pieces{};
  const std::size_t used = ring.gather(first, count, pieces);
  std::string bytes;
  for (std::size_t i = 0; i < used; ++i) {
    bytes.append(static_cast<const char*>(pieces[i].iov_base), pieces[i].iov_len);
  }
  return bytes;
}

std::vector<std::uint8_t> bytes_of(std::initializer_list<int> values) {
  std::vector<std::uint8_t> bytes;
  for (const int value : values) bytes.push_back(static_cast<std::uint8_t>(value));
  return bytes;
}

TEST(EncodeConnect, IsACleanSessionWithTheLongestKeepAlive) {
  EXPECT_EQ(encode_connect({"c1", "", ""}), std::string("\x10\x0E\0\x04MQTT\x04\x02\xFF\xFF\0\x02"
                                                        "c1",
                                                        16));
}

TEST(EncodeConnect, CarriesUserNameAndPassword) {
  EXPECT_EQ(encode_connect({"c", "user", "pw"}), std::string("\x10\x17\0\x04MQTT\x04\xC2\xFF\xFF\0\x01"
                                                             "c\0\x04user\0\x02pw",
                                                             25));
}

TEST(PacketRing, EncodesPublishWithItsPacketId) {
  const auto ring = PacketRing::publish("a/b", 3, 1, 300);
  EXPECT_EQ(gathered(ring, 0, 1), std::string("\x32\x0A\0\x03"
                                              "a/b\0\x01"
                                              "abc",
                                              12));
  EXPECT_EQ(gathered(ring, 299, 1), std::string("\x32\x0A\0\x03"
                                                "a/b\x01\x2C"
                                                "abc",
                                                12));
  EXPECT_EQ(ring.packet_id(299), 300);
  EXPECT_EQ(ring.packet_id(300), 1);
}

TEST(PacketRing, HasNoPacketIdAtQos0) {
  EXPECT_EQ(gathered(PacketRing::publish("t", 1, 0, 4), 0, 1), std::string("\x30\x04\0\x01ta", 6));
}

TEST(PacketRing, EncodesALongRemainingLength) {
  const auto ring = PacketRing::publish("t", 200, 1, 1);
  EXPECT_EQ(ring.packet_bytes(), 1u + 2 + 3 + 2 + 200);
  EXPECT_EQ(gathered(ring, 0, 1).substr(0, 3), "\x32\xCD\x01");  // 205 = 0x4D + 1 * 128
}

TEST(EncodeSubscribe, HasOneFilter) {
  EXPECT_EQ(encode_subscribe("a/b", 1), std::string("\x82\x08\0\x01\0\x03"
                                                    "a/b\x01",
                                                    10));
}

TEST(AppendPuback, PutsItBehindWhatIsThere) {
  std::string out = "x";
  append_puback(out, 0x0102);
  EXPECT_EQ(out, std::string("x\x40\x02\x01\x02", 5));
}

TEST(PacketRing, GoesRound) {
  const auto ring = PacketRing::pubrel(4);
  EXPECT_EQ(gathered(ring, 6, 4), std::string("\x62\x02\0\x03\x62\x02\0\x04\x62\x02\0\x01\x62\x02\0\x02", 16));
  EXPECT_EQ(gathered(ring, 4, 4), std::string("\x62\x02\0\x01\x62\x02\0\x02\x62\x02\0\x03\x62\x02\0\x04", 16));
}

TEST(AnswerStream, FindsTheSameAnswersHoweverTheBytesAreCut) {
  const auto bytes = bytes_of({0x20, 2, 0, 0, 0x40, 2, 1, 44, 0xD0, 0, 0x50, 2, 0, 7, 0x70, 2, 0, 7});
  for (std::size_t first = 0; first <= bytes.size(); ++first) {
    for (std::size_t second = first; second <= bytes.size(); ++second) {
      AnswerStream stream;
      std::vector<std::pair<AnswerType, int>> found;
      const auto note = [&](Answer answer) { found.emplace_back(answer.type, answer.value); };
      const std::span<const std::uint8_t> all(bytes);
      ASSERT_TRUE(stream.feed(all.first(first), note));
      ASSERT_TRUE(stream.feed(all.subspan(first, second - first), note));
      ASSERT_TRUE(stream.feed(all.subspan(second), note));
      const std::vector<std::pair<AnswerType, int>> expected = {{AnswerType::Connack, 0},
                                                                {AnswerType::Puback, 300},
                                                                {AnswerType::Pingresp, 0},
                                                                {AnswerType::Pubrec, 7},
                                                                {AnswerType::Pubcomp, 7}};
      EXPECT_EQ(found, expected) << "cut at " << first << " and " << second;
    }
  }
}

TEST(AnswerStream, GivesTheReturnCodeOfAConnack) {
  AnswerStream stream;
  int code = -1;
  ASSERT_TRUE(stream.feed(bytes_of({0x20, 2, 0, 5}), [&](Answer answer) { code = answer.value; }));
  EXPECT_EQ(code, 5);
}

TEST(AnswerStream, RefusesWhatNoServerSendsToAPublisher) {
  const auto ignore = [](Answer) {};
  for (const auto& bytes : {bytes_of({0x30, 2, 0, 1}), bytes_of({0x41, 2, 0, 1}), bytes_of({0x40, 3, 0, 1}),
                            bytes_of({0xD0, 1}), bytes_of({0x00})}) {
    AnswerStream stream;
    EXPECT_FALSE(stream.feed(bytes, ignore));
  }
  AnswerStream cut;
  ASSERT_TRUE(cut.feed(bytes_of({0x40}), ignore));
  EXPECT_FALSE(cut.feed(bytes_of({3, 0, 1}), ignore));
}

}  // namespace
}  // namespace mqttproxy::bench
