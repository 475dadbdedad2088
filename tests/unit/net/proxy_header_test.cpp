#include "proxy_header.hpp"

#include <string>

#include <gtest/gtest.h>

#include "peer_address.hpp"

namespace mqttproxy::net {
namespace {

using State = ProxyHeader::State;
using std::string_literals::operator""s;

const std::string kSignature = "\r\n\r\n\0\r\nQUIT\n"s;
const std::string kAddresses4 = "\xc0\x00\x02\x01\xc6\x33\x64\x02\xc3\xd5\x07\x5b"s;  // 192.0.2.1:50133
const std::string kAddresses6 = "\x20\x01\x0d\xb8"s + std::string(11, '\0') + "\x01"s + "\x20\x01\x0d\xb8"s +
                                std::string(11, '\0') + "\x02\xc3\xd5\x07\x5b"s;

/// `size`: what the length field says.
std::string header(char command, char family, const std::string& rest, std::size_t size) {
  return kSignature + command + family + static_cast<char>(size >> 8U) + static_cast<char>(size & 0xffU) + rest;
}

std::string header(char command, char family, const std::string& rest) {
  return header(command, family, rest, rest.size());
}

struct Good {
  std::string name, bytes, address;
};

class ProxyHeaderGood : public testing::TestWithParam<Good> {};

TEST_P(ProxyHeaderGood, IsFoundHoweverItIsCutAndEndsWhereItSays) {
  const Good& good = GetParam();
  for (std::size_t cut = 0; cut < good.bytes.size(); ++cut) {
    const ProxyHeader part = parse_proxy_header(std::string_view(good.bytes).substr(0, cut));
    ASSERT_EQ(part.state, State::Incomplete) << cut;
    EXPECT_EQ(part.bytes, cut < 16 ? 16U : good.bytes.size()) << cut;
  }
  for (const std::string& behind : {""s, "\x10\x0c"s, "\x16\x03\x01"s}) {
    const ProxyHeader whole = parse_proxy_header(good.bytes + behind);
    ASSERT_EQ(whole.state, State::Complete);
    EXPECT_EQ(whole.bytes, good.bytes.size());
    EXPECT_EQ(whole.source ? peer_address(*whole.source) : "", good.address);
  }
}

const std::string kMapped = std::string(10, '\0') + "\xff\xff\xc0\x00\x02\x01"s;

INSTANTIATE_TEST_SUITE_P(
    All, ProxyHeaderGood,
    testing::Values(
        Good{"tcp4", header(0x21, 0x11, kAddresses4), "192.0.2.1:50133"},
        Good{"tcp6", header(0x21, 0x21, kAddresses6), "[2001:db8::1]:50133"},
        Good{"tcp4_in_tcp6", header(0x21, 0x21, kMapped + kMapped + "\xc3\xd5\x07\x5b"s), "192.0.2.1:50133"},
        Good{"tcp4_with_tlvs", header(0x21, 0x11, kAddresses4 + "\x04\x00\x01\x00"s), "192.0.2.1:50133"},
        Good{"longest", header(0x21, 0x11, kAddresses4 + std::string(524, 'x')), "192.0.2.1:50133"},
        Good{"local", header(0x20, 0x00, ""), ""}, Good{"local_with_an_address", header(0x20, 0x11, kAddresses4), ""},
        Good{"local_of_any_family", header(0x20, 0x7f, "abc"), ""}, Good{"unspecified", header(0x21, 0x00, "abc"), ""},
        Good{"unix", header(0x21, 0x31, std::string(216, 'x')), ""}),
    [](const auto& each) { return each.param.name; });

struct Bad {
  std::string name, bytes;
  std::size_t decided_by;  // so many bytes
  std::string_view problem;
};

class ProxyHeaderBad : public testing::TestWithParam<Bad> {};

TEST_P(ProxyHeaderBad, IsRefusedAsSoonAsItCanBe) {
  const Bad& bad = GetParam();
  for (std::size_t cut = 0; cut < bad.decided_by; ++cut) {
    EXPECT_EQ(parse_proxy_header(std::string_view(bad.bytes).substr(0, cut)).state, State::Incomplete) << cut;
  }
  for (std::size_t cut = bad.decided_by; cut <= bad.bytes.size(); ++cut) {
    EXPECT_EQ(parse_proxy_header(std::string_view(bad.bytes).substr(0, cut)).state, State::Refused) << cut;
  }
  EXPECT_EQ(parse_proxy_header(bad.bytes).problem, bad.problem);
}

INSTANTIATE_TEST_SUITE_P(
    All, ProxyHeaderBad,
    testing::Values(
        Bad{"version_1", "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n", 1, "PROXY protocol version 1"},
        Bad{"mqtt", "\x10\x0c\x00\x04MQTT"s, 1, "no PROXY protocol header"},
        Bad{"tls", "\x16\x03\x01"s, 1, "no PROXY protocol header"},
        Bad{"almost", kSignature.substr(0, 11) + "\r", 12, "no PROXY protocol header"},
        Bad{"unknown_command", header(0x22, 0x11, kAddresses4), 16, "PROXY header of an unknown version or command"},
        Bad{"unknown_version", header(0x11, 0x11, kAddresses4), 16, "PROXY header of an unknown version or command"},
        Bad{"udp4", header(0x21, 0x12, kAddresses4), 16, "PROXY header for something else than TCP"},
        Bad{"unix_datagram", header(0x21, 0x32, std::string(216, 'x')), 16, "PROXY header for something else than TCP"},
        Bad{"unknown_family", header(0x21, 0x41, kAddresses4), 16, "PROXY header for something else than TCP"},
        Bad{"short_4", header(0x21, 0x11, kAddresses4, 11), 16, "PROXY header too short for its addresses"},
        Bad{"short_6", header(0x21, 0x21, kAddresses4), 16, "PROXY header too short for its addresses"},
        Bad{"short_unix", header(0x21, 0x31, std::string(215, 'x')), 16, "PROXY header too short for its addresses"},
        Bad{"too_long", header(0x21, 0x11, "", 537), 16, "PROXY header too long"},
        Bad{"local_too_long", header(0x20, 0x00, "", 65'535), 16, "PROXY header too long"}),
    [](const auto& each) { return each.param.name; });

}  // namespace
}  // namespace mqttproxy::net
