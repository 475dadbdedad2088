#include "mqttproxy/session/core.hpp"

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mqttproxy::session {
namespace {

using mqtt::PacketType;
using mqtt::Qos;
using namespace std::string_literals;

/// A host that notes what it is asked and answers as told.
class FakeHost : public Host {
 public:
  Step on_connect(const mqtt::Connect& packet, ConnectAnswer& answer) override {
    client_ids.emplace_back(packet.client_id);
    answer.return_code = return_code;
    if (return_code != mqtt::ConnectReturnCode::Accepted) return Step::Close;
    answer.session_present = session_present;
    answer.session = &session;
    answer.username = username;
    return Step::Done;
  }
  PublishStep on_publish(const mqtt::Publish& packet, AckWindow::Sequence sequence) override {
    if (publish_step == PublishStep::Accepted || publish_step == PublishStep::Acknowledge) {
      topics.emplace_back(packet.topic);
      payloads.emplace_back(packet.payload);
      sequences.push_back(sequence);
    }
    return publish_step;
  }
  Step on_subscribe(const mqtt::Subscribe& packet, std::vector<std::uint8_t>& codes) override {
    codes.assign(packet.requests.size(), 0x80);
    return Step::Done;
  }
  Step on_unsubscribe(const mqtt::Unsubscribe&) override { return Step::Done; }

  mqtt::ConnectReturnCode return_code = mqtt::ConnectReturnCode::Accepted;
  bool session_present = false;
  std::optional<std::string_view> username;
  PublishStep publish_step = PublishStep::Accepted;
  Session session;
  std::vector<std::string> client_ids, topics, payloads;
  std::vector<AckWindow::Sequence> sequences;
};

std::string connect_bytes(std::string_view client_id = "c", std::uint16_t keep_alive = 60) {
  mqtt::Connect packet;
  packet.client_id = client_id;
  packet.keep_alive = keep_alive;
  std::string bytes;
  mqtt::encode_connect(bytes, packet);
  return bytes;
}

std::string publish_bytes(Qos qos, mqtt::PacketId packet_id, std::string_view payload = "p") {
  std::string bytes;
  mqtt::encode_publish(bytes, {"t", payload, packet_id, qos, false, false});
  return bytes;
}

std::string id_bytes(PacketType type, mqtt::PacketId packet_id) {
  std::string bytes;
  mqtt::encode_packet_id(bytes, type, packet_id);
  return bytes;
}

std::string empty_bytes(PacketType type) {
  std::string bytes;
  mqtt::encode_empty(bytes, type);
  return bytes;
}

class CoreTest : public ::testing::Test {
 protected:
  /// Feeds, releases what is due, and returns the replies.
  std::string feed(std::string_view bytes) {
    std::string out;
    used = core.feed(bytes, out);
    core.release(out);
    return out;
  }
  void connect() { ASSERT_EQ(feed(connect_bytes()), "\x20\x02\x00\x00"s); }
  std::string settle(std::size_t index) {
    core.complete(host.sequences.at(index));
    std::string out;
    core.release(out);
    return out;
  }

  OutboxLimits outbox_limits;
  OutboxCounters outbox_counters;  // outlives the session's outbox
  FakeHost host;
  CoreSettings settings{.limits = {}, .ack_window = 4};
  PacketCounters counters;
  Core core{host, settings, counters};
  std::size_t used = 0;
};

TEST_F(CoreTest, MQTT_3_1_0_1_FirstPacketMustBeConnect) {
  for (const std::string& first : {publish_bytes(Qos::AtLeastOnce, 1), empty_bytes(PacketType::Pingreq),
                                   empty_bytes(PacketType::Disconnect), id_bytes(PacketType::Pubrel, 1)}) {
    Core stranger(host, settings, counters);
    std::string out;
    EXPECT_EQ(stranger.feed(first, out), 0U);
    EXPECT_TRUE(out.empty());
    EXPECT_EQ(stranger.state(), Core::State::Closed);
    EXPECT_EQ(stranger.close_errc(), mqtt::Errc::FirstPacketNotConnect);
  }
}

TEST_F(CoreTest, TimesAPublishFromReadingToItsAcknowledgement) {
  connect();
  std::string out;
  core.feed(publish_bytes(Qos::AtMostOnce, 0) + publish_bytes(Qos::AtLeastOnce, 1), out, 1'000);
  for (const AckWindow::Sequence sequence : host.sequences) core.complete(sequence);
  core.release(out, 1'000 + 4);
  metrics::Registry registry;
  const auto handle = registry.add([&](metrics::Scrape& scrape) {
    const metrics::Histogram* part = &counters.acknowledged_us;
    metrics::Histogram::write(scrape, "acknowledged_us", "", {&part, 1}, 1);
  });
  EXPECT_THAT(registry.serialize(), testing::HasSubstr("acknowledged_us_count 1\nacknowledged_us_sum 64\n"))
      << "QoS 0 is not acknowledged";
}

TEST_F(CoreTest, MQTT_3_1_0_2_SecondConnectCloses) {
  connect();
  EXPECT_EQ(feed(connect_bytes()), "");
  EXPECT_EQ(core.close_errc(), mqtt::Errc::SecondConnect);
  EXPECT_EQ(host.client_ids.size(), 1U);
}

TEST_F(CoreTest, MQTT_3_2_2_2_SessionPresentIsTheHosts) {
  host.session_present = true;
  EXPECT_EQ(feed(connect_bytes()), "\x20\x02\x01\x00"s);
}

TEST_F(CoreTest, TheUserNameIsTheHostsWhereItHasOne) {
  mqtt::Connect packet;
  packet.client_id = "c";
  packet.username = "root";
  packet.password = "secret";
  std::string bytes;
  mqtt::encode_connect(bytes, packet);
  Core said(host, settings, counters);
  std::string out;
  said.feed(bytes, out);
  EXPECT_EQ(said.username(), "root");
  host.username = "phone7";
  feed(bytes);
  EXPECT_EQ(core.username(), "phone7");
}

TEST_F(CoreTest, MQTT_3_2_2_4_ARefusalHasNoSessionPresentAndCloses) {
  host.return_code = mqtt::ConnectReturnCode::BadUserNameOrPassword;
  host.session_present = true;
  EXPECT_EQ(feed(connect_bytes()), "\x20\x02\x00\x04"s);
  EXPECT_EQ(core.state(), Core::State::Closed);
  EXPECT_FALSE(core.was_connected());
}

TEST_F(CoreTest, MQTT_3_1_2_2_AnUnknownProtocolLevelIsAnsweredWithReturnCode1) {
  std::string bytes = connect_bytes();
  bytes[8] = 5;
  EXPECT_EQ(feed(bytes), "\x20\x02\x00\x01"s);
  EXPECT_EQ(core.state(), Core::State::Closed);
}

TEST_F(CoreTest, MQTT_3_1_3_8_AnEmptyClientIdWithoutCleanSessionIsAnsweredWithReturnCode2) {
  mqtt::Connect packet;
  packet.clean_session = false;
  std::string bytes;
  mqtt::encode_connect(bytes, packet);
  EXPECT_EQ(feed(bytes), "\x20\x02\x00\x02"s);
  EXPECT_EQ(core.state(), Core::State::Closed);
}

TEST_F(CoreTest, MQTT_3_1_4_1_AMalformedConnectClosesWithoutAnAnswer) {
  std::string bytes = connect_bytes();
  bytes[9] = 0x03;  // reserved flag [MQTT-3.1.2-3]
  EXPECT_EQ(feed(bytes), "");
  EXPECT_EQ(core.close_errc(), mqtt::Errc::ConnectFlags);
}

TEST_F(CoreTest, MQTT_4_6_0_2_PubacksLeaveInPublishOrderAfterTheReports) {
  connect();
  EXPECT_EQ(feed(publish_bytes(Qos::AtLeastOnce, 10) + publish_bytes(Qos::AtLeastOnce, 11)), "");
  EXPECT_EQ(settle(1), "");
  EXPECT_EQ(settle(0), id_bytes(PacketType::Puback, 10) + id_bytes(PacketType::Puback, 11));
}

TEST_F(CoreTest, QoS0IsNeverAnswered) {
  connect();
  EXPECT_EQ(feed(publish_bytes(Qos::AtMostOnce, 0)), "");
  EXPECT_EQ(settle(0), "");
  EXPECT_EQ(core.unacked(), 0U);
}

TEST_F(CoreTest, AFailedRecordIsNotAckedHoldsBackLaterAcksAndCloses) {
  connect();
  feed(publish_bytes(Qos::AtLeastOnce, 1) + publish_bytes(Qos::AtLeastOnce, 2) + publish_bytes(Qos::AtLeastOnce, 3));
  core.fail(host.sequences[1]);
  EXPECT_EQ(settle(2), "");
  EXPECT_EQ(core.state(), Core::State::Connected);
  EXPECT_EQ(settle(0), id_bytes(PacketType::Puback, 1));
  EXPECT_EQ(core.state(), Core::State::Closed);
  EXPECT_EQ(core.close_cause(), CloseCause::NotStored);
}

TEST_F(CoreTest, NothingIsPublishedBehindAFailedRecord) {
  connect();
  feed(publish_bytes(Qos::AtLeastOnce, 1) + publish_bytes(Qos::AtLeastOnce, 2));
  core.fail(host.sequences[1]);
  EXPECT_EQ(feed(empty_bytes(PacketType::Pingreq) + publish_bytes(Qos::AtLeastOnce, 3)), "\xD0\x00"s);
  EXPECT_EQ(host.topics.size(), 2U) << "the client sends 2 again, and 3 behind it";
  EXPECT_TRUE(core.waiting());
  EXPECT_TRUE(core.window_full());
  EXPECT_FALSE(core.window_has_room());
}

TEST_F(CoreTest, AFullAckWindowLeavesThePacketUnconsumed) {
  connect();
  std::string bytes;
  for (mqtt::PacketId id = 1; id <= 6; ++id) bytes += publish_bytes(Qos::AtLeastOnce, id);
  const std::size_t packet = bytes.size() / 6;
  feed(bytes);
  EXPECT_EQ(used, 4 * packet);
  EXPECT_TRUE(core.waiting());
  EXPECT_TRUE(core.window_full());
  settle(0);
  settle(1);
  EXPECT_TRUE(core.window_has_room());
  feed(std::string_view(bytes).substr(used));
  EXPECT_EQ(host.topics.size(), 6U);
  EXPECT_FALSE(core.waiting());
}

TEST_F(CoreTest, AHostThatWaitsSeesTheSamePacketAgain) {
  connect();
  host.publish_step = PublishStep::Wait;
  const std::string bytes = publish_bytes(Qos::ExactlyOnce, 3) + empty_bytes(PacketType::Pingreq);
  EXPECT_EQ(feed(bytes), "") << "what follows waits as well";
  EXPECT_EQ(used, 0U);
  EXPECT_TRUE(core.waiting());
  host.publish_step = PublishStep::Accepted;
  EXPECT_EQ(feed(bytes), "\xD0\x00"s);
  EXPECT_EQ(host.topics.size(), 1U);
}

TEST_F(CoreTest, MQTT_4_3_3_2_AQos2MessageIsProducedOnceUntilReleased) {
  connect();
  feed(publish_bytes(Qos::ExactlyOnce, 7));
  feed(publish_bytes(Qos::ExactlyOnce, 7));  // sent again while its record is on the way
  EXPECT_EQ(host.topics.size(), 1U);
  host.session.unreleased.settle(7, true);
  core.settle_packet_id(7, true);
  EXPECT_EQ(settle(0), id_bytes(PacketType::Pubrec, 7) + id_bytes(PacketType::Pubrec, 7));
  EXPECT_EQ(feed(publish_bytes(Qos::ExactlyOnce, 7)), id_bytes(PacketType::Pubrec, 7));
  EXPECT_EQ(host.topics.size(), 1U);
  EXPECT_EQ(feed(id_bytes(PacketType::Pubrel, 7)), id_bytes(PacketType::Pubcomp, 7));
  feed(publish_bytes(Qos::ExactlyOnce, 7));
  EXPECT_EQ(host.topics.size(), 2U) << "a new message under the old id";
}

TEST_F(CoreTest, MQTT_4_3_3_2_PubrelForAnUnknownIdGetsPubcomp) {
  connect();
  EXPECT_EQ(feed(id_bytes(PacketType::Pubrel, 99)), id_bytes(PacketType::Pubcomp, 99));
}

TEST_F(CoreTest, PubrelBeforePubrecCloses) {
  connect();
  feed(publish_bytes(Qos::ExactlyOnce, 7));
  EXPECT_EQ(feed(id_bytes(PacketType::Pubrel, 7)), "");
  EXPECT_EQ(core.close_errc(), mqtt::Errc::UnexpectedPacket);
}

TEST_F(CoreTest, ARefusedQos2PublishIsForgotten) {
  connect();
  host.publish_step = PublishStep::Close;
  feed(publish_bytes(Qos::ExactlyOnce, 7));
  EXPECT_EQ(host.session.unreleased.size(), 0U);
}

TEST_F(CoreTest, ADroppedMessageIsAcknowledgedInItsTurn) {
  connect();
  feed(publish_bytes(Qos::AtLeastOnce, 1));
  host.publish_step = PublishStep::Acknowledge;
  EXPECT_EQ(feed(publish_bytes(Qos::AtLeastOnce, 2)), "");
  EXPECT_EQ(settle(0), id_bytes(PacketType::Puback, 1) + id_bytes(PacketType::Puback, 2));
}

TEST_F(CoreTest, PubackSettlesWhatIsInFlightAndAnUnknownOneDoesNoHarm) {
  connect();
  EXPECT_EQ(feed(id_bytes(PacketType::Puback, 5)), "");
  host.session.outbox = std::make_unique<Outbox>(outbox_limits, outbox_counters);
  const auto payload = std::make_shared<const std::string>("p");
  host.session.outbox->offer(DeliveryPtr(new Delivery(payload, "t", *payload, Qos::AtLeastOnce)), Qos::AtLeastOnce,
                             true);
  ASSERT_TRUE(host.session.outbox->take());
  EXPECT_EQ(feed(id_bytes(PacketType::Puback, 5)), "");
  EXPECT_EQ(host.session.outbox->inflight(), 1U);
  EXPECT_EQ(feed(id_bytes(PacketType::Puback, 1)), "");
  EXPECT_EQ(host.session.outbox->inflight(), 0U);
  EXPECT_EQ(core.state(), Core::State::Connected);
}

TEST_F(CoreTest, MQTT_3_12_4_1_PingreqGetsPingresp) {
  connect();
  EXPECT_EQ(feed(empty_bytes(PacketType::Pingreq)), "\xD0\x00"s);
}

TEST_F(CoreTest, MQTT_3_14_4_3_DisconnectDiscardsTheWill) {
  mqtt::Connect packet;
  packet.client_id = "c";
  packet.will = mqtt::Will{"w", "gone", Qos::AtLeastOnce, false};
  std::string bytes;
  mqtt::encode_connect(bytes, packet);
  feed(bytes);
  EXPECT_EQ(feed(empty_bytes(PacketType::Disconnect)), "");
  EXPECT_EQ(core.close_cause(), CloseCause::ClientDisconnect);
  EXPECT_EQ(core.take_will(), nullptr);
}

TEST_F(CoreTest, MQTT_3_1_2_8_AnyOtherEndKeepsTheWill) {
  mqtt::Connect packet;
  packet.client_id = "c";
  packet.will = mqtt::Will{"w", "gone", Qos::AtLeastOnce, true};
  std::string bytes;
  mqtt::encode_connect(bytes, packet);
  feed(bytes);
  core.close(CloseCause::ConnectionLost, "closed by peer");
  const auto will = core.take_will();
  ASSERT_NE(will, nullptr);
  EXPECT_EQ(will->topic, "w");
  EXPECT_EQ(will->payload, "gone");
  EXPECT_EQ(will->qos, Qos::AtLeastOnce);
  EXPECT_TRUE(will->retain);
}

TEST_F(CoreTest, ServerOnlyPacketsClose) {
  std::string suback;
  mqtt::encode_suback(suback, {1, {0}});
  for (const std::string& bytes :
       {"\x20\x02\x00\x00"s, suback, id_bytes(PacketType::Unsuback, 1), empty_bytes(PacketType::Pingresp)}) {
    Core client(host, settings, counters);
    std::string out;
    client.feed(connect_bytes(), out);
    client.feed(bytes, out);
    EXPECT_EQ(client.close_errc(), mqtt::Errc::ServerOnlyPacket);
  }
}

TEST_F(CoreTest, NothingIsTakenAfterTheEnd) {
  connect();
  feed(empty_bytes(PacketType::Disconnect) + publish_bytes(Qos::AtLeastOnce, 1));
  EXPECT_TRUE(host.topics.empty());
  EXPECT_EQ(feed(publish_bytes(Qos::AtLeastOnce, 1)), "");
  EXPECT_EQ(used, 0U);
}

TEST_F(CoreTest, BytesOneByOneGiveTheSameAsAllAtOnce) {
  const std::string bytes =
      connect_bytes() + publish_bytes(Qos::AtLeastOnce, 1, std::string(200, 'x')) + empty_bytes(PacketType::Pingreq);
  std::string pending;
  std::string replies;
  for (const char c : bytes) {
    pending += c;
    replies += feed(pending);
    pending.erase(0, used);
    if (pending.size() > 4) {
      EXPECT_GT(core.wanted_bytes(), pending.size());
    }
  }
  EXPECT_TRUE(pending.empty());
  EXPECT_EQ(replies, "\x20\x02\x00\x00\xD0\x00"s);
  EXPECT_EQ(host.payloads, std::vector<std::string>{std::string(200, 'x')});
}

TEST_F(CoreTest, CountsPacketsByType) {
  connect();
  feed(publish_bytes(Qos::AtLeastOnce, 1) + empty_bytes(PacketType::Pingreq));
  EXPECT_EQ(counters.in[static_cast<std::size_t>(PacketType::Publish)].get(), 1U);
  EXPECT_EQ(counters.out[static_cast<std::size_t>(PacketType::Pingresp)].get(), 1U);
  EXPECT_EQ(counters.publishes[1].get(), 1U);
  EXPECT_EQ(counters.connacks[0].get(), 1U);
}

TEST_F(CoreTest, CountsEveryRefusedConnectByReturnCode) {
  std::string unknown_level = connect_bytes();
  unknown_level[8] = 5;
  feed(unknown_level);
  std::string out;
  Core second(host, settings, counters);
  second.feed(connect_bytes(std::string(settings.limits.max_client_id_bytes + 1, 'x')), out);
  Core third(host, settings, counters);
  host.return_code = mqtt::ConnectReturnCode::ServerUnavailable;
  third.feed(connect_bytes(), out);
  for (const std::size_t code : {1U, 2U, 3U}) EXPECT_EQ(counters.connacks[code].get(), 1U) << code;
}

}  // namespace
}  // namespace mqttproxy::session
