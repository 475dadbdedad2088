#include "poller.hpp"

#include <array>
#include <memory>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "descriptor.hpp"

namespace mqttproxy::net {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using Events = std::vector<std::pair<std::uint64_t, std::uint32_t>>;

class PollerTest : public ::testing::Test {
 protected:
  PollerTest() {
    std::array<int, 2> fds{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds.data()), 0);
    near_ = std::make_unique<Descriptor>(fds[0]);
    far_ = std::make_unique<Descriptor>(fds[1]);
    poller_.start();
  }

  /// What is told in one turn. Nothing of it comes later by itself.
  Events turn() {
    events_.clear();
    io_.poll_one();
    return events_;
  }

  void send(char byte) { ASSERT_EQ(::send(far_->get(), &byte, 1, 0), 1); }
  void receive() {
    char byte = 0;
    ASSERT_EQ(::recv(near_->get(), &byte, 1, 0), 1);
  }

  boost::asio::io_context io_{1};
  Events events_;
  Poller poller_{io_, [this](std::uint64_t id, std::uint32_t events) { events_.emplace_back(id, events); }};
  std::unique_ptr<Descriptor> near_;
  std::unique_ptr<Descriptor> far_;
};

constexpr std::uint64_t kId = 0xFEDC'BA98'7654'3210U;

TEST_F(PollerTest, tells_of_what_is_watched_for_until_it_is_read) {
  ASSERT_TRUE(poller_.watch(near_->get(), kId, 0, EPOLLIN));
  EXPECT_THAT(turn(), IsEmpty());
  send('a');
  EXPECT_THAT(turn(), ElementsAre(Pair(kId, EPOLLIN)));
  EXPECT_THAT(turn(), ElementsAre(Pair(kId, EPOLLIN))) << "nobody has read it";
  receive();
  EXPECT_THAT(turn(), IsEmpty());
  send('b');
  EXPECT_THAT(turn(), ElementsAre(Pair(kId, EPOLLIN))) << "it stays registered";
}

TEST_F(PollerTest, changes_what_it_watches_for) {
  ASSERT_TRUE(poller_.watch(near_->get(), kId, 0, EPOLLIN));
  ASSERT_TRUE(poller_.watch(near_->get(), kId, EPOLLIN, EPOLLIN | EPOLLOUT));
  EXPECT_THAT(turn(), ElementsAre(Pair(kId, EPOLLOUT)));
  ASSERT_TRUE(poller_.watch(near_->get(), kId, EPOLLIN | EPOLLOUT, EPOLLIN));
  EXPECT_THAT(turn(), IsEmpty());
}

TEST_F(PollerTest, a_parked_socket_costs_no_turn_even_when_its_peer_is_gone) {
  ASSERT_TRUE(poller_.watch(near_->get(), kId, 0, EPOLLIN));
  send('a');
  ASSERT_TRUE(poller_.watch(near_->get(), kId, EPOLLIN, 0));
  far_.reset();
  EXPECT_THAT(turn(), IsEmpty());
  ASSERT_TRUE(poller_.watch(near_->get(), kId, 0, EPOLLIN));
  EXPECT_THAT(turn(), ElementsAre(Pair(kId, EPOLLIN | EPOLLHUP)));
}

TEST_F(PollerTest, a_closed_socket_is_forgotten) {
  ASSERT_TRUE(poller_.watch(near_->get(), kId, 0, EPOLLIN));
  send('a');
  near_.reset();
  EXPECT_THAT(turn(), IsEmpty());
}

TEST_F(PollerTest, says_when_the_kernel_does_not_take_it) {
  EXPECT_FALSE(poller_.watch(-1, kId, 0, EPOLLIN));
}

}  // namespace
}  // namespace mqttproxy::net
