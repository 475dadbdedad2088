#include "output.hpp"

#include <memory>
#include <random>
#include <string>

#include <gtest/gtest.h>

namespace mqttproxy::net {
namespace {

session::DeliveryPtr message(const std::string& payload) {
  const auto owner = std::make_shared<const std::string>(payload);
  return session::DeliveryPtr(new session::Delivery(owner, "t", *owner, mqtt::Qos::AtMostOnce));
}

std::string joined(const Output& output) {
  std::string all;
  for (const iovec& part : output.parts()) all.append(static_cast<const char*>(part.iov_base), part.iov_len);
  return all;
}

TEST(OutputTest, IsEmptyAtFirstAndWhenAllIsTaken) {
  Output output;
  EXPECT_TRUE(output.empty());
  output.append("bytes");
  EXPECT_FALSE(output.empty());
  output.consume(5);
  EXPECT_TRUE(output.empty());
}

TEST(OutputTest, TheLargePayloadIsNotCopied) {
  const session::DeliveryPtr large = message(std::string(100'000, 'x'));
  Output output;
  output.append("head");
  output.append(large, 0);
  EXPECT_EQ(output.copied_bytes(), 4U);
  EXPECT_EQ(output.parts()[1].iov_base, large->payload().data());
}

TEST(OutputTest, KeepsTheMessageOnlyUntilItsPayloadIsTaken) {
  const session::DeliveryPtr large = message("payload");
  Output output;
  output.append(large, 3);
  output.append("reply");
  EXPECT_EQ(large->use_count(), 2U);
  output.consume(4);
  EXPECT_EQ(large->use_count(), 1U);
  EXPECT_EQ(joined(output), "reply");
}

TEST(OutputTest, GivesTheSameBytesWhateverTheSocketTakesAtATime) {
  std::mt19937 random(1);
  for (int round = 0; round < 1'000; ++round) {
    Output output;
    output.append("front");
    output.append(message("payload"), random() % 7);
    std::string expected = joined(output);
    std::string taken;
    for (int replies = 0; !output.empty();) {
      if (replies < 3 && random() % 4 == 0) {
        const std::string reply = "reply" + std::to_string(replies++);
        output.append(reply);
        expected += reply;
      }
      const std::string all = joined(output);
      const std::size_t count = random() % (all.size() + 1);
      taken += all.substr(0, count);
      output.consume(count);
    }
    ASSERT_EQ(taken, expected);
  }
}

}  // namespace
}  // namespace mqttproxy::net
