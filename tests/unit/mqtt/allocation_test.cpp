// The hot path allocates nothing: decoding PUBLISH, the fixed header, acknowledgements, what is refused, and matching.
#include <gtest/gtest.h>

#include "mqttproxy/mqtt/codec.hpp"
#include "mqttproxy/mqtt/subscription_tree.hpp"

#include "counting_new.hpp"
#include "hex.hpp"

namespace mqttproxy::mqtt {
namespace {

template <class Function>
std::size_t allocations_of(Function&& function) {
  const std::size_t before = test::allocations();
  function();
  return test::allocations() - before;
}

TEST(Allocation, TheCounterCounts) {
  std::string text;
  EXPECT_GT(allocations_of([&] { text.assign(1'000, 'x'); }), 0U);
  EXPECT_EQ(text.size(), 1'000U);
}

TEST(Allocation, DecodingPublishAllocatesNothing) {
  const std::string packet =
      test::bytes("3b 14") + test::with_length("sensors/7/\xE2\x82\xAC") + test::bytes("00 07 'abc'");
  const std::string refused = test::with_length("sensors/#");
  const DecodeLimits limits;
  bool decoded = false;
  bool failed = false;
  EXPECT_EQ(allocations_of([&] {
              const auto header = decode_fixed_header(packet, limits);
              decoded =
                  header && *header && decode_publish((*header)->flags, std::string_view(packet).substr(2), limits);
              failed = decode_publish(0, refused, limits).has_error();
            }),
            0U);
  EXPECT_TRUE(decoded);
  EXPECT_TRUE(failed);
}

TEST(Allocation, AcknowledgementsAllocateNothing) {
  const std::string body = test::bytes("00 07");
  std::string out;
  out.reserve(64);
  bool decoded = false;
  EXPECT_EQ(allocations_of([&] {
              decoded = decode_packet_id(body).has_value();
              encode_packet_id(out, PacketType::Puback, 7);
            }),
            0U);
  EXPECT_TRUE(decoded);
  EXPECT_EQ(out, test::bytes("40 02 00 07"));
}

TEST(Allocation, MatchingATopicAgainAllocatesNothing) {
  SubscriptionTree tree;
  for (std::uint32_t i = 0; i < 1'000; ++i) {
    tree.subscribe("a/+/" + std::to_string(i), i, Qos::AtLeastOnce);
    tree.subscribe("a/#", i, Qos::AtMostOnce);
    tree.subscribe("+/" + std::to_string(i) + "/+", i, Qos::AtLeastOnce);
  }
  std::size_t hits = 0;
  const auto count = [&](SubscriptionTree::Subscriber, Qos) { ++hits; };
  const std::string topic = "a/7/9";
  tree.match(topic, count);
  EXPECT_EQ(hits, 1'002U);
  EXPECT_EQ(allocations_of([&] {
              tree.match(topic, count);
              tree.match("a/no/such/topic", count);
            }),
            0U);
  EXPECT_EQ(hits, 3'004U);
}

}  // namespace
}  // namespace mqttproxy::mqtt
