#include "mqttproxy/util/sip_hash.hpp"

#include <string>

#include <gtest/gtest.h>

namespace mqttproxy::util {
namespace {

// What CPython 3.11 (siphash13) gives for the same bytes under PYTHONHASHSEED=0, which is the key 0.
TEST(SipHash, GivesTheValuesOfAnotherImplementation) {
  const SipHash hash(0, 0);
  EXPECT_EQ(hash("a"), 0x407448d2b89b1813U);
  EXPECT_EQ(hash("abcdefg"), 0x6db12aae9070f506U);
  EXPECT_EQ(hash("abcdefgh"), 0x3f7b849c0b8e35eaU);
  EXPECT_EQ(hash("sensors/7/temperature"), 0x034671a7d06f3127U);
  std::string bytes;
  for (char c = 0; c < 63; ++c) bytes += c;
  EXPECT_EQ(hash(bytes), 0x385d3e39e5f37359U);
}

TEST(SipHash, AWordIsItsEightBytesLowestFirst) {
  const SipHash hash;
  EXPECT_EQ(hash(std::uint64_t{0x6867666564636261U}), hash("abcdefgh"));
}

// The first vector of the Rust library's SipHash-1-3 for the key 00 01 … 0f.
TEST(SipHash, EveryByteOfTheKeyHasItsPlace) {
  EXPECT_EQ(SipHash(0x0706050403020100U, 0x0f0e0d0c0b0a0908U)(""), 0xabac0158050fc4dcU);
}

TEST(SipHash, HasAnotherKeyEachTime) {
  EXPECT_NE(SipHash()("a"), SipHash()("a"));
}

}  // namespace
}  // namespace mqttproxy::util
