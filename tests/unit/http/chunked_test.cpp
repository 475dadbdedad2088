#include "http/chunked.hpp"

#include <gtest/gtest.h>

namespace mqttproxy::http {
namespace {

using State = ChunkedDecoder::State;

struct Decoded {
  State state = State::More;
  std::string body{};
  std::string rest{};

  friend bool operator==(const Decoded&, const Decoded&) = default;
};

std::ostream& operator<<(std::ostream& out, const Decoded& decoded) {
  return out << static_cast<int>(decoded.state) << " body=" << decoded.body << " rest=" << decoded.rest;
}

/// Fed in pieces of `piece` bytes.
Decoded decode(std::string_view text, std::size_t piece, std::size_t limit = 100) {
  ChunkedDecoder decoder(limit);
  Decoded decoded;
  while (decoded.state == State::More && !text.empty()) {
    std::string_view part = text.substr(0, piece);
    text.remove_prefix(part.size());
    decoded.state = decoder.feed(part, decoded.body);
    decoded.rest = std::string(part);
  }
  decoded.rest += text;
  return decoded;
}

class Chunked : public ::testing::TestWithParam<std::size_t> {};  // bytes per piece

TEST_P(Chunked, ChunksBecomeTheBodyAndTheRestIsTheNextRequest) {
  EXPECT_EQ(decode("3\r\nabc\r\n0A\r\n0123456789\r\n0\r\n\r\nGET /", GetParam()),
            (Decoded{State::Done, "abc0123456789", "GET /"}));
  EXPECT_EQ(decode("0\r\n\r\n", GetParam()), (Decoded{State::Done}));
}

TEST_P(Chunked, ExtensionsAndTrailersAreSkipped) {
  EXPECT_EQ(decode("3;a=\"b\";c\r\nabc\r\n0 ;x\r\nA: b\r\nC: d\r\n\r\n", GetParam()), (Decoded{State::Done, "abc"}));
}

TEST_P(Chunked, DataMayLookLikeChunks) {
  EXPECT_EQ(decode("5\r\n0\r\n\r\n\r\n0\r\n\r\n", GetParam()), (Decoded{State::Done, "0\r\n\r\n"}));
}

TEST_P(Chunked, WhatIsNoChunkIsMalformed) {
  for (const char* text :
       {"\r\n", "x\r\n", "-1\r\n", "+1\r\n", "0x1\r\n", " 1\r\n", "3\nabc", "3\r\nabcd\r\n", "3\r\nabc\n", "3q\r\n",
        "ffffffffffffffffff\r\n", "0000000000000000001\r\na", "3;\rx\r\n", "0\r\nA: b\n\r\n"}) {
    EXPECT_EQ(decode(text, GetParam()).state, State::Malformed) << text;
  }
}

TEST_P(Chunked, TheLimitHoldsForTheSum) {
  EXPECT_EQ(decode("3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", GetParam(), 5).state, State::Done);
  EXPECT_EQ(decode("3\r\nabc\r\n3\r\ndef\r\n", GetParam(), 5).state, State::TooLarge);
  EXPECT_EQ(decode("fffffffffffffff\r\n", GetParam(), 5).state, State::TooLarge);
}

TEST_P(Chunked, LinesAndTrailersAreBounded) {
  EXPECT_EQ(decode("1;" + std::string(1'000, 'x'), GetParam()).state, State::Malformed);
  std::string trailers;
  for (int i = 0; i < 1'000; ++i) trailers += "A: 0123456789\r\n";
  EXPECT_EQ(decode("0\r\n" + trailers, GetParam()).state, State::Malformed);
}

INSTANTIATE_TEST_SUITE_P(Pieces, Chunked, ::testing::Values(1, 2, 3, 7, 10'000));

}  // namespace
}  // namespace mqttproxy::http
