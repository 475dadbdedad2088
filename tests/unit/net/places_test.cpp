#include "places.hpp"

#include <vector>

#include <gtest/gtest.h>

namespace mqttproxy::net {
namespace {

using boost::asio::ip::make_address;

TEST(Places, a_place_is_there_again_when_its_connection_is_gone) {
  Places places(2, 0);
  Places::Door door(places);
  auto one = door.take();
  {
    const auto two = door.take();
    ASSERT_TRUE(one && two);
    EXPECT_FALSE(door.take());
  }
  EXPECT_TRUE(door.take());
  Places::Place moved = std::move(*one);
  one.reset();
  EXPECT_TRUE(door.take()) << "what has been moved away gives nothing back";
  const auto other = door.take();
  EXPECT_FALSE(door.take());
}

TEST(Places, each_door_knows_who_came_by_it) {
  Places places(3, 0);
  Places::Door front(places);
  Places::Door back(places);
  auto one = front.take();
  const auto two = front.take();
  const auto three = back.take();
  EXPECT_FALSE(back.take());
  EXPECT_EQ(front.open(), 2U);
  EXPECT_EQ(back.open(), 1U);
  Places::Place moved = std::move(*one);
  one.reset();
  EXPECT_EQ(front.open(), 2U);
  moved = Places::Place();
  EXPECT_EQ(front.open(), 1U);
}

/// How many connections the addresses get, in their order.
std::size_t counted(Places& places, const std::vector<const char*>& addresses) {
  Places::Door door(places);
  std::vector<Places::Place> standing;
  for (const char* address : addresses) {
    auto place = door.take();
    if (place && places.count(*place, make_address(address))) standing.push_back(std::move(*place));
  }
  return standing.size();
}

TEST(Places, an_address_has_so_many) {
  Places places(100, 2);
  EXPECT_EQ(counted(places, {"192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2"}), 3U);
  EXPECT_EQ(counted(places, {"192.0.2.1", "192.0.2.1"}), 2U) << "those before are gone";
}

TEST(Places, an_IPv4_address_in_IPv6_is_the_same_address) {
  Places places(100, 1);
  EXPECT_EQ(counted(places, {"192.0.2.1", "::ffff:192.0.2.1", "::ffff:192.0.2.2"}), 2U);
}

TEST(Places, an_IPv6_network_of_64_bits_counts_as_one_address) {
  Places places(100, 1);
  EXPECT_EQ(counted(places, {"2001:db8:0:1::1", "2001:db8:0:1:ffff::2", "2001:db8:0:2::1"}), 2U);
  EXPECT_EQ(counted(places, {"::1", "::1", "127.0.0.1"}), 2U);
}

TEST(Places, without_a_limit_addresses_are_not_counted) {
  Places places(5, 0);
  EXPECT_EQ(counted(places, {"::1", "::1", "::1", "::1", "::1", "::1"}), 5U);
}

TEST(Places, other_limits_are_for_those_who_come) {
  Places places(1, 1);
  Places::Door door(places);
  auto first = door.take();
  ASSERT_TRUE(first && places.count(*first, boost::asio::ip::make_address("192.0.2.1")));
  EXPECT_FALSE(door.take());
  places.set_limits(3, 2);
  auto second = door.take();
  ASSERT_TRUE(second && places.count(*second, boost::asio::ip::make_address("192.0.2.1")));
  auto third = door.take();
  ASSERT_TRUE(third);
  EXPECT_FALSE(places.count(*third, boost::asio::ip::make_address("192.0.2.1")));
  places.set_limits(1, 0);
  EXPECT_TRUE(places.count(*third, boost::asio::ip::make_address("192.0.2.1")));
  third.reset();
  EXPECT_FALSE(door.take()) << "two are there still";
}

}  // namespace
}  // namespace mqttproxy::net
