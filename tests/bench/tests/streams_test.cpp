#include "load/streams.hpp"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "load/error.hpp"
#include "load/packets.hpp"

namespace mqttproxy::bench {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::span<const std::uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

/// "type:body" of each packet in `pieces`, one read each.
std::vector<std::string> packets_in(const std::vector<std::string_view>& pieces) {
  PacketStream stream;
  std::vector<std::string> packets;
  for (const std::string_view piece : pieces) {
    const bool valid = stream.feed(bytes_of(piece), [&](const ServerPacket& packet) {
      packets.push_back(std::to_string(packet.type()) + ":" + std::string(packet.body.begin(), packet.body.end()));
    });
    if (!valid) packets.emplace_back("dead");
  }
  return packets;
}

TEST(PacketStream, FindsTheSamePacketsHoweverTheBytesAreCut) {
  const std::string long_body(200, 'x');  // two bytes of remaining length
  const std::string bytes = std::string("\x30\x02hi\xD0\0\x30\xC8\x01", 9) + long_body + std::string("\x90\x01y", 3);
  const std::string_view all = bytes;
  for (std::size_t first = 0; first <= all.size(); ++first) {
    for (std::size_t second = first; second <= all.size(); second += 3) {
      ASSERT_THAT(packets_in({all.substr(0, first), all.substr(first, second - first), all.substr(second)}),
                  ElementsAre("3:hi", "13:", "3:" + long_body, "9:y"))
          << first << ", " << second;
    }
  }
}

TEST(PacketStream, RefusesALengthThatIsNone) {
  EXPECT_THAT(packets_in({"\x30\xFF\xFF\xFF\xFF"}), ElementsAre("dead"));
  EXPECT_THAT(packets_in({"\x30\x81\x80\x80\x01"}), ElementsAre("dead")) << "2 MiB";
}

std::optional<Delivery> delivery_of(unsigned first, std::string_view body) {
  return parse_delivery({static_cast<std::uint8_t>(first), bytes_of(body)});
}

TEST(ParseDelivery, ReadsWhatAPublishCarries) {
  const std::string body(
      "\0\x03"
      "a/b\x01\x02payload",
      14);
  const auto qos1 = delivery_of(0x32, body);
  ASSERT_TRUE(qos1);
  EXPECT_EQ(qos1->qos, 1u);
  EXPECT_EQ(qos1->topic, "a/b");
  EXPECT_EQ(qos1->packet_id, 0x0102);
  EXPECT_EQ(qos1->payload, "payload");
  const auto qos0 = delivery_of(0x30, body);
  ASSERT_TRUE(qos0);
  EXPECT_EQ(qos0->packet_id, 0);
  EXPECT_EQ(qos0->payload, "\x01\x02payload");
}

TEST(ParseDelivery, RefusesWhatNoServerMaySend) {
  EXPECT_FALSE(delivery_of(0x40, std::string_view("\0\x01", 2)));
  EXPECT_FALSE(delivery_of(0x36, std::string_view("\0\x01t\0\x01", 5))) << "QoS 3";
  EXPECT_FALSE(delivery_of(0x32, std::string_view("\0\x01t\0\0", 5))) << "packet id 0";
  EXPECT_FALSE(delivery_of(0x32, std::string_view("\0\x01t\0", 4)));
  EXPECT_FALSE(delivery_of(0x30, std::string_view("\0\x02t", 3)));
  EXPECT_FALSE(delivery_of(0x30, std::string_view("\0", 1)));
}

TEST(HttpAnswers, FindsTheStatusHoweverTheBytesAreCut) {
  const std::string_view answer = "HTTP/1.1 200 OK\r\ncontent-length:  5\r\nConnection: keep-alive\r\n\r\nhello";
  for (std::size_t cut = 1; cut < answer.size(); ++cut) {
    HttpAnswers answers;
    for (int i = 0; i < 2; ++i) {
      ASSERT_EQ(answers.feed(answer.substr(0, cut)), std::nullopt) << cut;
      ASSERT_EQ(answers.feed(answer.substr(cut)), 200) << cut;
    }
  }
}

std::string complaint_about(std::string_view answer) {
  try {
    (void)HttpAnswers().feed(answer);
  } catch (const LoadError& error) {
    return error.what();
  }
  return "";
}

TEST(HttpAnswers, RefusesWhatItCannotGoOnWith) {
  EXPECT_THAT(complaint_about("SSH-2.0"), HasSubstr("not HTTP/1.1"));
  EXPECT_THAT(complaint_about("HTTP/1.1 200 OK\r\n\r\n"), HasSubstr("no Content-Length"));
  EXPECT_THAT(complaint_about("HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"), HasSubstr("bad Content-Length"));
  EXPECT_THAT(complaint_about("HTTP/1.1 2x0 OK\r\nContent-Length: 0\r\n\r\n"), HasSubstr("bad status"));
  EXPECT_THAT(complaint_about("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP"), HasSubstr("more than one"));
  EXPECT_THAT(complaint_about("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: Close\r\n\r\n"),
              HasSubstr("not kept open"));
}

TEST(HttpPost, IsAWholeRequest) {
  EXPECT_EQ(
      http_post("127.0.0.1:2381", "/a", "{}"),
      "POST /a HTTP/1.1\r\nHost: 127.0.0.1:2381\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}");
}

}  // namespace
}  // namespace mqttproxy::bench
