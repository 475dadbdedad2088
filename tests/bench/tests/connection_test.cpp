#include "load/connection.hpp"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "load/error.hpp"

namespace mqttproxy::bench {
namespace {

using ::testing::HasSubstr;

Answer puback(int id) {
  return {AnswerType::Puback, static_cast<std::uint16_t>(id)};
}
Answer pubrec(int id) {
  return {AnswerType::Pubrec, static_cast<std::uint16_t>(id)};
}
Answer pubcomp(int id) {
  return {AnswerType::Pubcomp, static_cast<std::uint16_t>(id)};
}

std::string complaint(Flight& flight, Answer answer) {
  try {
    flight.on_answer(answer);
  } catch (const LoadError& error) {
    return error.what();
  }
  return "";
}

void send_some(Flight& flight, int count) {
  for (int i = 0; i < count; ++i) flight.on_sent(Nanoseconds{i});
}

TEST(Flight, TakesPubacksInOrder) {
  Flight flight(1, 3, 64);
  send_some(flight, 3);
  EXPECT_EQ(flight.room(), 0u);
  EXPECT_EQ(flight.on_answer(puback(1)), Nanoseconds{0});
  EXPECT_EQ(flight.on_answer(puback(2)), Nanoseconds{1});
  EXPECT_EQ(flight.room(), 2u);
  EXPECT_EQ(flight.in_flight(), 1u);
}

TEST(Flight, Mqtt_4_6_0_2_NoticesAPubackOutOfOrder) {
  Flight flight(1, 3, 64);
  send_some(flight, 3);
  EXPECT_THAT(complaint(flight, puback(2)), HasSubstr("out of order: 1 comes first"));
}

TEST(Flight, NoticesAForeignId) {
  Flight flight(1, 3, 64);
  send_some(flight, 3);
  for (const int id : {0, 4, 64, 65, 65'535}) EXPECT_THAT(complaint(flight, puback(id)), HasSubstr("not under way"));
}

TEST(Flight, NoticesARepeatedPuback) {
  Flight flight(1, 1, ring_slots(1));
  send_some(flight, 1);
  flight.on_answer(puback(1));
  EXPECT_THAT(complaint(flight, puback(1)), HasSubstr("not under way"));
  send_some(flight, 1);
  EXPECT_THAT(complaint(flight, puback(1)), HasSubstr("not under way"));
  EXPECT_EQ(complaint(flight, puback(2)), "");
}

TEST(Flight, KeepsItsOrderWhereIdsGoRound) {
  Flight flight(1, 2, 4);
  for (int i = 0; i < 20; ++i) {
    send_some(flight, 2);
    ASSERT_EQ(complaint(flight, puback(2 * i % 4 + 1)), "");
    ASSERT_EQ(complaint(flight, puback((2 * i + 1) % 4 + 1)), "");
  }
}

TEST(Flight, Qos2CompletesWithPubcompAfterPubrel) {
  Flight flight(2, 2, 64);
  send_some(flight, 2);
  EXPECT_EQ(flight.on_answer(pubrec(1)), std::nullopt);
  EXPECT_EQ(flight.on_answer(pubrec(2)), std::nullopt);
  EXPECT_EQ(flight.pubrels_due(), 2u);
  EXPECT_THAT(complaint(flight, pubcomp(1)), HasSubstr("not under way")) << "no PUBREL has been sent yet";
  flight.on_pubrels_sent();
  EXPECT_EQ(flight.pubrels_due(), 0u);
  EXPECT_EQ(flight.room(), 0u);
  EXPECT_THAT(complaint(flight, pubcomp(2)), HasSubstr("out of order"));
  EXPECT_EQ(flight.on_answer(pubcomp(1)), Nanoseconds{0});
  EXPECT_EQ(flight.room(), 1u);
}

TEST(Flight, NoticesAnAnswerOfAnotherQos) {
  Flight qos1(1, 2, 64);
  send_some(qos1, 1);
  EXPECT_THAT(complaint(qos1, pubrec(1)), HasSubstr("PUBREC at QoS 1"));
  Flight qos0(0, 2, 64);
  send_some(qos0, 1);
  EXPECT_EQ(qos0.in_flight(), 0u);
  EXPECT_THAT(complaint(qos0, puback(1)), HasSubstr("PUBACK at QoS 0"));
}

class PublisherTest : public ::testing::Test {
 protected:
  void open(unsigned qos, std::uint32_t window, std::size_t payload_bytes) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()), 0);
    peer_ = Fd(ends[1]);
    publishes_.emplace_back(PacketRing::publish("t", payload_bytes, qos, ring_slots(window)));
    pubrels_.emplace_back(PacketRing::pubrel(ring_slots(window)));
    publisher_.emplace(Fd(ends[0]), qos, window, publishes_.front(), pubrels_.front());
  }

  std::string received() {
    std::string all;
    std::array<char, 4096> buffer{};
    for (ssize_t got = 0; (got = ::recv(peer_.get(), buffer.data(), buffer.size(), 0)) > 0;) {
      all.append(buffer.data(), static_cast<std::size_t>(got));
    }
    return all;
  }

  Publisher::Progress answer(std::string_view bytes) {
    EXPECT_EQ(::send(peer_.get(), bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
    std::array<std::uint8_t, 64> buffer{};
    return publisher_->read(buffer, Nanoseconds{100}, latency_);
  }

  Fd peer_;
  std::vector<PacketRing> publishes_;
  std::vector<PacketRing> pubrels_;
  std::optional<Publisher> publisher_;
  Histogram latency_;
};

TEST_F(PublisherTest, SendsWhatIsStagedTogether) {
  open(1, 2, 1);
  publisher_->stage_publish(Nanoseconds{10});
  publisher_->stage_publish(Nanoseconds{20});
  publisher_->stage_ping();
  EXPECT_EQ(received(), "");
  publisher_->write();
  EXPECT_EQ(received(), std::string("\x32\x06\0\x01t\0\x01"
                                    "a\x32\x06\0\x01t\0\x02"
                                    "a\xC0\0",
                                    18));
  const auto progress = answer(std::string_view("\x40\x02\0\x01\x40\x02\0\x02\xD0\0", 10));
  EXPECT_EQ(progress.completed, 2u);
  EXPECT_EQ(progress.pings, 1u);
  EXPECT_EQ(latency_.count(), 2u);
  EXPECT_EQ(latency_.max().count(), 90);
}

TEST_F(PublisherTest, AnswersPubrecWithPubrel) {
  open(2, 1, 1);
  publisher_->stage_publish(Nanoseconds{10});
  publisher_->write();
  received();
  EXPECT_EQ(answer(std::string_view("\x50\x02\0\x01", 4)).completed, 0u);
  publisher_->write();
  EXPECT_EQ(received(), std::string("\x62\x02\0\x01", 4));
  EXPECT_EQ(answer(std::string_view("\x70\x02\0\x01", 4)).completed, 1u);
}

TEST_F(PublisherTest, FinishesACutPacketBeforeAnythingElse) {
  constexpr std::size_t kPayload = 100'000;
  constexpr std::uint32_t kWindow = 50;
  open(1, kWindow, kPayload);
  std::string expected;
  for (std::uint32_t i = 0; i < kWindow; ++i) {
    publisher_->stage_publish(Nanoseconds{0});
    std::array<iovec, 2> piece{};
    publishes_.front().gather(i, 1, piece);
    expected.append(static_cast<const char*>(piece[0].iov_base), piece[0].iov_len);
  }
  publisher_->write();
  ASSERT_TRUE(publisher_->blocked());
  EXPECT_EQ(publisher_->room(), 0u);
  publisher_->stage_ping();
  expected.append(kPingreq);
  std::string got = received();
  while (got.size() < expected.size()) {
    publisher_->write();
    const std::string more = received();
    ASSERT_FALSE(more.empty());
    got += more;
  }
  EXPECT_TRUE(got == expected);
  EXPECT_FALSE(publisher_->blocked());
}

TEST_F(PublisherTest, StagedQos0MessagesTakeRoomUntilWritten) {
  open(0, 2, 1);
  publisher_->stage_publish(Nanoseconds{0});
  publisher_->stage_publish(Nanoseconds{0});
  EXPECT_EQ(publisher_->room(), 0u);
  publisher_->write();
  EXPECT_EQ(publisher_->room(), 2u);
}

TEST_F(PublisherTest, SaysThatTheServerClosed) {
  open(1, 1, 1);
  peer_.close();
  std::array<std::uint8_t, 64> buffer{};
  EXPECT_THROW(publisher_->read(buffer, Nanoseconds{0}, latency_), LoadError);
}

}  // namespace
}  // namespace mqttproxy::bench
