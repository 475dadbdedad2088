// What connections ask of a session store, what they do with its answers, and what they do without.
#include <functional>
#include <map>
#include <optional>
#include <thread>

#include <gmock/gmock.h>

#include "support.hpp"

namespace mqttproxy::net::testing {
namespace {

using namespace std::chrono_literals;
using cluster::Claimed;
using cluster::Cut;
using cluster::Filter;
using cluster::Loss;
using cluster::Offsets;
using cluster::Reference;
using mqtt::ConnectReturnCode;
using mqtt::PacketType;
using mqtt::Qos;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Kind = Call::Kind;

const Filter kFilter{"t", Qos::AtLeastOnce};

Claimed claimed(Cut cut) {
  return {.session_present = true, .unbroken = false, .cut = std::move(cut)};
}

/// Positions trail by two reports.
void pass_two_reports(const std::function<cluster::Progress()>& report) {
  for (int i = 0; i < 2; ++i) (void)report();
}

// ---- CONNECT

TEST_F(SessionStoreTest, MQTT_3_2_2_2_ConnackWaitsForTheClaimAndSaysWhatTheStoreKnows) {
  config_.node.limits.session_expiry = 1'500ms;
  start();
  Device client = device();
  client.connect("a");
  const Call claim = store_.expect(Kind::Claim);
  EXPECT_EQ(claim.request.proxy, "p");
  EXPECT_EQ(claim.request.client_id, "a");
  EXPECT_FALSE(claim.request.clean);
  EXPECT_EQ(claim.request.expiry, 2s);
  (void)report();
  EXPECT_TRUE(client.silent());
  EXPECT_TRUE(has_metric("mqttproxy_parks_total{cause=\"session\"} 1"));
  owner().on_claimed(claim.seat, {.session_present = true, .unbroken = false, .cut = {}});
  EXPECT_EQ(client.packet(), connack(true));
  EXPECT_EQ(runs(PacketType::Connect), 1) << "the pipeline does not run again";
}

TEST_F(SessionStoreTest, AClaimThatIsNotAnsweredInTimeIsRefusedWithReturnCode3_MQTT_3_2_2_4) {
  start(1ms);
  Device client = device();
  client.connect("a");
  const Call claim = store_.expect(Kind::Claim);
  EXPECT_EQ(client.packet(), connack(false, ConnectReturnCode::ServerUnavailable));
  EXPECT_TRUE(client.closed());
  const Call release = store_.expect(Kind::Release);
  EXPECT_EQ(release.seat, claim.seat);
  EXPECT_EQ(release.cut, std::nullopt);
  EXPECT_TRUE(has_metric("mqttproxy_disconnects_total{reason=\"connect_refused\"} 1"));
  owner().on_claimed(claim.seat, {});  // too late: nobody is there
  (void)report();
}

TEST_F(SessionStoreTest, WhoIsRefusedClaimsNothing) {
  refuse_ = true;
  start();
  Device client = device();
  client.connect("a");
  EXPECT_EQ(client.packet(), connack(false, ConnectReturnCode::NotAuthorized));
  EXPECT_TRUE(client.closed());
  EXPECT_TRUE(store_.idle());
}

TEST_F(SessionStoreTest, AClientIdMadeHereIsNotClaimed_MQTT_3_1_3_6) {
  start();
  Device client = device();
  client.connect("", true);
  EXPECT_EQ(client.packet(), connack(false));
  client.subscribe(1, {"t"});
  EXPECT_EQ(client.packet(), suback(1, {1}));
  deliver(0, 0);
  EXPECT_EQ(client.message(), "0/0:1");
  EXPECT_TRUE(store_.idle());
}

TEST_F(SessionStoreTest, ACleanSessionIsClaimedAndReleasedWithNothing_MQTT_3_1_2_6) {
  start();
  Device client = device();
  client.connect("a", true);
  const Call claim = store_.expect(Kind::Claim);
  EXPECT_TRUE(claim.request.clean);
  owner().on_claimed(claim.seat, {});
  EXPECT_EQ(client.packet(), connack(false));
  client.subscribe(1, {"t"});
  EXPECT_EQ(client.packet(), suback(1, {1})) << "at once";
  deliver(0, 0);
  EXPECT_EQ(client.message(), "0/0:1");
  EXPECT_THAT(report().changed, IsEmpty());
  client.disconnect();
  EXPECT_EQ(store_.expect(Kind::Release).cut, std::nullopt);
}

TEST_F(SessionStoreTest, WhereThereIsNoPlaceTheSessionIsGivenBackAsItCame) {
  config_.proxies[0].max_allowed_connection = 1;
  start();
  const Device first = connected();
  Device second = device();
  second.connect("b");
  const Call claim = store_.expect(Kind::Claim);
  const Cut cut{{kFilter}, {{0, 4, 9}}, {5}};
  owner().on_claimed(claim.seat, claimed(cut));
  EXPECT_EQ(second.packet(), connack(false, ConnectReturnCode::ServerUnavailable));
  const Call release = store_.expect(Kind::Release);
  EXPECT_EQ(release.seat, claim.seat);
  EXPECT_EQ(release.cut, cut);
}

// ---- The end of a connection

TEST_F(SessionStoreTest, WhatIsOwedIsReleasedWithTheConnection) {
  start();
  server_->ports().front()->begin(0, 10);
  server_->ports().front()->begin(1, 20);
  Device client = connected(claimed({{kFilter}, {}, {10, 20}}));
  for (const std::int64_t offset : {10, 11, 12}) deliver(0, offset);
  deliver(1, 20, "other");
  deliver(1, 21, "t", Qos::AtMostOnce);
  for (const char* expected : {"0/10:1", "0/11:2", "0/12:3", "1/21:0"}) EXPECT_EQ(client.message(), expected);
  client.send(PacketType::Puback, 2);
  client.disconnect();
  const Call release = store_.expect(Kind::Release);
  EXPECT_EQ(release.seat, seat_);
  EXPECT_EQ(release.cut, (Cut{{kFilter}, {{0, 10, 1}, {0, 12, 3}}, {13, 22}}));
  EXPECT_TRUE(client.closed());
}

TEST_F(SessionStoreTest, ASessionThatIsLostEndsItsConnectionAndIsNotReleased) {
  start();
  struct {
    Loss loss;
    std::string_view reason;
  } const cases[] = {{Loss::Takeover, "takeover"}, {Loss::Deleted, "session_deleted"}, {Loss::Fenced, "session_lost"}};
  for (const auto& [loss, reason] : cases) {
    Device client = connected();
    lose(seat_, loss);
    EXPECT_TRUE(client.closed());
    EXPECT_TRUE(has_metric("mqttproxy_disconnects_total{reason=\"" + std::string(reason) + "\"} 1"));
  }
  EXPECT_TRUE(has_metric("mqttproxy_takeovers_total 1"));
  Device client = connected();
  lose(seat_, Loss::Unavailable);
  EXPECT_TRUE(client.closed());
  EXPECT_TRUE(has_metric("mqttproxy_disconnects_total{reason=\"session_lost\"} 2"));
  owner().on_lost(seat_, Loss::Fenced);  // nobody is there
  (void)report();
}

TEST_F(SessionStoreTest, AClaimThatIsLostEndsItsConnection) {
  start();
  Device client = device();
  client.connect("a");
  lose(store_.expect(Kind::Claim).seat, Loss::Takeover);
  EXPECT_TRUE(client.closed());
}

TEST_F(SessionStoreTest, AClientThatIsGoneBeforeItsClaimIsAnsweredIsReleased) {
  start();
  Device client = device();
  client.connect("a");
  const Call claim = store_.expect(Kind::Claim);
  client.drop();
  const Cut cut{{kFilter}, {}, {5}};
  owner().on_claimed(claim.seat, claimed(cut));
  EXPECT_EQ(store_.expect(Kind::Release).cut, cut);
}

TEST_F(SessionStoreTest, TheEndOfTheDaemonReleasesClaimsAndSessions) {
  start();
  const Device served = connected(claimed({{kFilter}, {}, {7}}));
  Device client = device();
  client.connect("b");
  const Call claim = store_.expect(Kind::Claim);
  stop();
  std::map<cluster::Seat, std::optional<Cut>> released;
  for (int i = 0; i < 2; ++i) {
    Call release = store_.expect(Kind::Release);
    released[release.seat] = std::move(release.cut);
  }
  EXPECT_EQ(released.at(seat_), (Cut{{kFilter}, {}, {7}}));
  EXPECT_EQ(released.at(claim.seat), std::nullopt);
}

TEST_F(SessionStoreTest, ALaterConnectionTakesOverWhereTheStoreHasNotSaidSo_MQTT_3_1_4_2) {
  start();
  Device first = connected();
  const cluster::Seat seat = seat_;
  const Device second = connected();
  EXPECT_TRUE(first.closed());
  EXPECT_EQ(store_.expect(Kind::Release).seat, seat);
}

TEST_F(SessionStoreTest, Qos2IdsHoldWhileNobodyElseHasServedTheClient_MQTT_4_3_3_2) {
  start();
  std::string pubrec;
  mqtt::encode_packet_id(pubrec, PacketType::Pubrec, 7);
  const auto publish = [&](bool unbroken) {
    Device client = connected({.session_present = true, .unbroken = unbroken, .cut = {}});
    client.publish(7, Qos::ExactlyOnce);
    EXPECT_EQ(client.packet(), pubrec);
    client.drop();
    (void)store_.expect(Kind::Release);
  };
  publish(false);
  EXPECT_EQ(runs(PacketType::Publish), 1);
  publish(true);
  EXPECT_EQ(runs(PacketType::Publish), 1) << "known";
  publish(false);
  EXPECT_EQ(runs(PacketType::Publish), 2);
  // A deleted session leaves nothing.
  Device client = connected({.session_present = true, .unbroken = true, .cut = {}});
  lose(seat_, Loss::Deleted);
  EXPECT_TRUE(client.closed());
  publish(true);
  EXPECT_EQ(runs(PacketType::Publish), 3);
}

// ---- SUBSCRIBE

TEST_F(SessionStoreTest, MQTT_3_8_4_1_SubackWaitsUntilTheChangeIsStored) {
  start();
  Device client = connected();
  deliver(0, 41);
  client.subscribe(1, {"t", "t/#"});
  const Call call = store_.expect(Kind::Store);
  EXPECT_EQ(call.seat, seat_);
  EXPECT_EQ(call.cut, (Cut{{kFilter, {"t/#", Qos::AtLeastOnce}}, {}, {42}}));
  owner().on_stored(seat_, call.token + 1);  // of nobody
  (void)report();
  EXPECT_TRUE(client.silent());
  deliver(0, 42);
  EXPECT_EQ(client.message(), "0/42:1") << "messages may come before SUBACK";
  owner().on_stored(seat_, call.token);
  EXPECT_EQ(client.packet(), suback(1, {1, 1}));
  EXPECT_EQ(runs(PacketType::Subscribe), 1);
}

TEST_F(SessionStoreTest, WhatChangesNothingIsAnsweredAtOnce) {
  start();
  Device client = connected(claimed({{kFilter}, {}, {}}));
  client.subscribe(1, {"t"});
  EXPECT_EQ(client.packet(), suback(1, {1}));
  client.unsubscribe(2, "never");
  EXPECT_EQ(client.packet(), unsuback(2));
  EXPECT_TRUE(store_.idle());
}

TEST_F(SessionStoreTest, MQTT_3_10_4_4_UnsubackWaitsUntilTheChangeIsStored) {
  start();
  Device client = connected(claimed({{kFilter}, {}, {}}));
  client.unsubscribe(1, "t");
  client.subscribe(2, {"u"}, Qos::AtMostOnce);
  Call call = store_.expect(Kind::Store);
  EXPECT_THAT(call.cut->filters, IsEmpty());
  (void)report();
  EXPECT_TRUE(client.silent());
  owner().on_stored(seat_, call.token);
  EXPECT_EQ(client.packet(), unsuback(1));
  call = store_.expect(Kind::Store);
  EXPECT_THAT(call.cut->filters, ElementsAre(Filter{"u", Qos::AtMostOnce}));
  owner().on_stored(seat_, call.token);
  EXPECT_EQ(client.packet(), suback(2, {0}));
  EXPECT_EQ(runs(PacketType::Unsubscribe), 1);
  EXPECT_EQ(runs(PacketType::Subscribe), 1);
}

// ---- Recovery

TEST_F(SessionStoreTest, MQTT_4_4_0_1_WhatWasMissedComesFirstWithTheIdsItHad) {
  start();
  server_->ports().front()->begin(0, 20);
  server_->ports().front()->begin(1, 5);
  const std::vector<Reference> references{{0, 3, 11}, {0, 5, 12}, {1, 2, 0}};
  Device client = connected(claimed({{kFilter}, references, {10, 5, 7}}));
  const Call recover = store_.expect(Kind::Recover);
  EXPECT_EQ(recover.seat, seat_);
  EXPECT_THAT(recover.recovery.filters, ElementsAre(kFilter));
  EXPECT_EQ(recover.recovery.references, references);
  EXPECT_EQ(recover.recovery.from, (Offsets{10, 5, 7}));
  EXPECT_EQ(recover.recovery.to, (Offsets{20, 5}));
  deliver(0, 20);
  client.subscribe(1, {"t"});
  (void)report();
  EXPECT_TRUE(client.silent());
  owner().on_recovered(seat_, {{message(0, 3), 11}, {message(0, 5), 12}}, false);
  EXPECT_EQ(client.message(), "+0/3:11");
  EXPECT_EQ(client.message(), "+0/5:12");
  (void)report();
  EXPECT_TRUE(client.silent()) << "neither SUBACK nor what is new";
  owner().on_recovered(seat_, {{message(1, 2), 0}, {message(0, 15), 0}}, true);
  for (const char* expected : {"1/2:13", "0/15:14", "0/20:15"}) EXPECT_EQ(client.message(), expected);
  EXPECT_EQ(client.packet(), suback(1, {1}));
}

TEST_F(SessionStoreTest, WhereNothingIsMissedNothingIsRecovered) {
  start();
  server_->ports().front()->begin(0, 20);
  const Device same = connected(claimed({{kFilter}, {}, {20}}));
  EXPECT_TRUE(store_.idle());
  const Device without_filters = connected(claimed({{}, {}, {1}}), "b");
  EXPECT_TRUE(store_.idle());
}

TEST_F(SessionStoreTest, WhatTheLastNodeHasDealtWithIsNotDeliveredAgain) {
  start();
  server_->ports().front()->begin(0, 20);
  Device client = connected(claimed({{kFilter}, {}, {23}}));
  for (std::int64_t offset = 20; offset < 25; ++offset) deliver(0, offset);
  EXPECT_EQ(client.message(), "0/23:1");
  EXPECT_EQ(client.message(), "0/24:2");
}

TEST_F(SessionStoreTest, AWorkerThatIsBehindStoresNoPositionBehindTheLastNodes) {
  start();
  server_->ports().front()->begin(0, 20);
  Device client = connected(claimed({{kFilter}, {}, {23}}));
  client.disconnect();
  EXPECT_EQ(store_.expect(Kind::Release).cut, (Cut{{kFilter}, {}, {23}}));
}

TEST_F(SessionStoreTest, ARecoveryThatIsNotCompleteIsReleasedAsWhatIsLeftOfIt) {
  start();
  server_->ports().front()->begin(0, 20);
  Device client = connected(claimed({{kFilter}, {{0, 3, 11}, {0, 5, 12}, {0, 6, 0}, {0, 7, 0}}, {10}}));
  (void)store_.expect(Kind::Recover);
  // One is gone from the topic. What was found from 10 on will be looked for again.
  owner().on_recovered(seat_, {{message(0, 3), 11}, {message(0, 6), 0}, {message(0, 15), 0}}, false);
  deliver(0, 20);
  for (const char* expected : {"+0/3:11", "0/6:12", "0/15:13"}) EXPECT_EQ(client.message(), expected);
  client.send(PacketType::Puback, 11);
  client.disconnect();
  EXPECT_EQ(store_.expect(Kind::Release).cut, (Cut{{kFilter}, {{0, 6, 12}, {0, 5, 12}, {0, 7, 0}}, {10}}));
}

// ---- Reports

TEST_F(SessionStoreTest, APositionIsReportedTwoReportsLater) {
  start();
  server_->ports().front()->begin(0, 10);
  EXPECT_EQ(report().position, Offsets());
  deliver(0, 10);  // nobody has subscribed
  EXPECT_EQ(report().position, Offsets());
  deliver(2, 0);
  EXPECT_EQ(report().position, Offsets({10}));
  EXPECT_EQ(report().position, Offsets({11}));
  EXPECT_EQ(report().position, Offsets({11, 0, 1}));
}

TEST_F(SessionStoreTest, WhatIsAcknowledgedInTimeIsNoChange) {
  start();
  Device client = connected(claimed({{kFilter}, {}, {}}));
  deliver(0, 0);
  EXPECT_EQ(client.message(), "0/0:1");
  EXPECT_THAT(report().changed, IsEmpty());
  EXPECT_THAT(report().changed, IsEmpty());
  client.send(PacketType::Puback, 1);
  client.publish(1, Qos::AtLeastOnce);  // answered: the one before is done with
  EXPECT_NE(client.packet(), "");
  for (int i = 0; i < 3; ++i) EXPECT_THAT(report().changed, IsEmpty());
}

TEST_F(SessionStoreTest, WhatIsAcknowledgedLaterIsAChangeAndSoIsItsAcknowledgement) {
  start();
  Device client = connected(claimed({{kFilter}, {}, {}}));
  deliver(0, 0);
  EXPECT_EQ(client.message(), "0/0:1");
  pass_two_reports([this] { return report(); });
  deliver(0, 1);
  EXPECT_EQ(client.message(), "0/1:2");
  // All that is owed, with the position that goes with it.
  EXPECT_THAT(report().changed, ElementsAre(std::pair(seat_, Cut{{kFilter}, {{0, 0, 1}, {0, 1, 2}}, {2}})));
  for (int i = 0; i < 4; ++i) EXPECT_THAT(report().changed, IsEmpty()) << "as stored";
  client.send(PacketType::Puback, 1);
  client.publish(1, Qos::AtLeastOnce);
  EXPECT_NE(client.packet(), "");
  EXPECT_THAT(report().changed, ElementsAre(std::pair(seat_, Cut{{kFilter}, {{0, 1, 2}}, {2}})));
  EXPECT_THAT(report().changed, IsEmpty());
}

TEST_F(SessionStoreTest, ASessionIsBehindUntilItsRecoveryIsComplete) {
  start();
  server_->ports().front()->begin(0, 20);
  pass_two_reports([this] { return report(); });
  Device client = connected(claimed({{kFilter}, {{0, 3, 11}}, {10}}));
  (void)store_.expect(Kind::Recover);
  cluster::Progress progress = report();
  EXPECT_EQ(progress.position, Offsets({20}));
  EXPECT_THAT(progress.behind, ElementsAre(seat_));
  EXPECT_THAT(progress.changed, IsEmpty());
  owner().on_recovered(seat_, {{message(0, 3), 11}, {message(0, 15), 0}}, false);
  EXPECT_EQ(client.message(), "+0/3:11");
  EXPECT_EQ(client.message(), "0/15:12");
  progress = report();
  EXPECT_THAT(progress.behind, ElementsAre(seat_));
  EXPECT_THAT(progress.changed, IsEmpty()) << "what is before 10 is as stored";
  owner().on_recovered(seat_, {}, true);
  progress = report();
  EXPECT_THAT(progress.behind, IsEmpty());
  EXPECT_THAT(progress.changed, ElementsAre(std::pair(seat_, Cut{{kFilter}, {{0, 3, 11}, {0, 15, 12}}, {20}})));
}

TEST_F(SessionStoreTest, WhatIsGoneFromTheTopicIsNotOwedAnyMore) {
  start();
  server_->ports().front()->begin(0, 20);
  const Device client = connected(claimed({{kFilter}, {{0, 3, 11}}, {20}}));
  (void)store_.expect(Kind::Recover);
  EXPECT_THAT(report().behind, IsEmpty()) << "only references are to come";
  owner().on_recovered(seat_, {}, true);
  EXPECT_THAT(report().changed, ElementsAre(std::pair(seat_, Cut{{kFilter}, {}, {20}})));
  EXPECT_THAT(report().changed, IsEmpty());
}

// ---- Live delivery begins where the recovery ends, whatever is published at that moment.

TEST_F(SessionStoreTest, BetweenRecoveryAndLiveThereIsNoGapAndNothingTwice) {
  start();
  std::atomic<bool> enough{false};
  std::thread publisher([&] {
    for (std::int64_t offset = 0; !enough; ++offset) {
      while (!server_->ports().front()->deliver(message(0, offset, "t", Qos::AtMostOnce))) std::this_thread::yield();
    }
  });
  // With the only filter gone the worker skips messages; with the next one it stops doing so. One goes in time, the
  // next at that moment.
  std::optional<Device> before;
  for (int i = 0; i < 500 && !HasFailure(); ++i) {
    Device client = device();
    client.connect(i % 2 == 0 ? "even" : "odd");
    Call claim = store_.next();
    if (claim.kind == Kind::Release) claim = store_.next();
    const std::size_t others = store_.seats() - 1;
    if (before) before->drop();
    if (i % 2 == 0 && others != 0) (void)store_.expect(Kind::Release);
    owner().on_claimed(claim.seat, claimed({{kFilter}, {{0, -1, 0}}, {}}));
    Call call = store_.next();
    if (call.kind == Kind::Release) call = store_.next();
    EXPECT_TRUE(call.kind == Kind::Recover);
    owner().on_recovered(claim.seat, {}, true);
    EXPECT_EQ(client.packet(), connack(true));
    const std::int64_t first = cluster::offset_in(call.recovery.to, 0);
    for (std::int64_t offset = first; offset < first + 3; ++offset) {
      EXPECT_EQ(client.message(), "0/" + std::to_string(offset) + ":0");
    }
    before.emplace(std::move(client));
  }
  enough = true;
  publisher.join();
}

}  // namespace
}  // namespace mqttproxy::net::testing
