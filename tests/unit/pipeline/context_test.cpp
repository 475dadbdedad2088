#include "mqttproxy/pipeline/context.hpp"

#include <gtest/gtest.h>

namespace mqttproxy::pipeline {
namespace {

using mqtt::ConnectReturnCode;
using mqtt::PacketType;

const Client kClient{"c1", "u1", "192.0.2.1:1", "proxy"};

TEST(Context, BeginForgetsThePreviousPacket) {
  Context context;
  context.begin(PacketType::Publish, kClient);
  const mqtt::Publish publish;
  context.publish = &publish;
  context.token = 7;
  context.records = 2;
  context.dead_letter_reason = "why";
  context.set_text(3, "text");
  context.reset_headers(3).push_back({"name", "value"});
  context.memory.results.emplace_back(1, 1);
  context.memory.records = 2;
  context.refuse(ConnectReturnCode::BadUserNameOrPassword, "no");

  context.begin(PacketType::Subscribe, {"c2", std::nullopt, "a", "p"});

  EXPECT_EQ(context.type, PacketType::Subscribe);
  EXPECT_EQ(context.client.client_id, "c2");
  EXPECT_FALSE(context.client.username.has_value());
  EXPECT_EQ(context.publish, nullptr);
  EXPECT_EQ(context.token, 0U);
  EXPECT_EQ(context.records, 0U);
  EXPECT_EQ(context.dead_letter_reason, "");
  EXPECT_EQ(context.text(3), std::nullopt);
  EXPECT_EQ(context.headers(3), nullptr);
  EXPECT_TRUE(context.memory.results.empty());
  EXPECT_EQ(context.memory.records, 0U);
  EXPECT_EQ(context.action(), Action::None);
  EXPECT_EQ(context.reason(), "");
  EXPECT_EQ(context.return_code(), ConnectReturnCode::NotAuthorized);
}

TEST(Context, DataOfASlotIsSetOrAbsent) {
  Context context;
  EXPECT_EQ(context.text(0), std::nullopt);
  EXPECT_EQ(context.headers(0), nullptr);
  context.set_text(2, "");
  EXPECT_EQ(context.text(2), "");
  EXPECT_EQ(context.text(1), std::nullopt);
  EXPECT_EQ(context.headers(2), nullptr);
  context.reset_headers(1).push_back({"a", "b"});
  ASSERT_NE(context.headers(1), nullptr);
  EXPECT_EQ(context.headers(1)->size(), 1U);
  EXPECT_TRUE(context.reset_headers(1).empty());
}

TEST(Context, HeadersOfThePreviousPacketNeverReturn) {
  Context context;
  context.begin(PacketType::Publish, kClient);
  context.reset_headers(0).push_back({"old", "old"});
  context.begin(PacketType::Publish, kClient);
  EXPECT_TRUE(context.reset_headers(0).empty());
}

TEST(Context, FirstRefusalStands) {
  Context context;
  context.begin(PacketType::Connect, kClient);
  context.refuse(ConnectReturnCode::BadUserNameOrPassword, "first");
  context.refuse(ConnectReturnCode::ServerUnavailable, "second");
  context.disconnect("third");
  context.drop("fourth");
  EXPECT_EQ(context.action(), Action::Refuse);
  EXPECT_EQ(context.return_code(), ConnectReturnCode::BadUserNameOrPassword);
  EXPECT_EQ(context.reason(), "first");
}

TEST(Context, RefusalWinsOverADrop) {
  Context context;
  context.begin(PacketType::Publish, kClient);
  context.drop("dropped");
  EXPECT_EQ(context.action(), Action::Drop);
  context.drop("again");
  EXPECT_EQ(context.reason(), "dropped");
  context.disconnect("refused");
  EXPECT_EQ(context.action(), Action::Disconnect);
  EXPECT_EQ(context.reason(), "refused");
}

TEST(Context, RefusedFiltersAreThoseOfThisPacket) {
  Context context;
  context.begin(PacketType::Subscribe, kClient);
  for (const std::size_t index : {5U, 1U, 5U}) context.refuse_filter(index);
  EXPECT_TRUE(context.filter_refused(1));
  EXPECT_TRUE(context.filter_refused(5));
  EXPECT_FALSE(context.filter_refused(0));
  EXPECT_FALSE(context.filter_refused(2));
  EXPECT_EQ(context.action(), Action::None);
  context.begin(PacketType::Subscribe, kClient);
  EXPECT_FALSE(context.filter_refused(1));
}

}  // namespace
}  // namespace mqttproxy::pipeline
