// Slow peers, on a socket pair with little patience.
#include "http/connection.hpp"

#include <future>
#include <optional>
#include <thread>

#include <sys/socket.h>
#include <unistd.h>

#include "support.hpp"

namespace mqttproxy::http::testing {
namespace {

using std::chrono::milliseconds;

class ConnectionTest : public ::testing::Test {
 protected:
  ConnectionTest() {
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, fds_), 0);
    peer_.emplace(RawClient::from(fds_[1]));
    limits_.patience = milliseconds(100);
    limits_.linger = milliseconds(100);
    limits_.bytes_per_second = 1U << 30U;
  }
  ~ConnectionTest() override { ::close(fds_[0]); }

  Connection::ReadResult read() {
    return Connection(fds_[0], limits_).read([](const RequestHead&) { return std::size_t{1'000'000}; });
  }
  int refusal() {
    const auto result = read();
    const auto* const refused = std::get_if<Refusal>(&result);
    return refused == nullptr ? 0 : refused->status;
  }
  bool gone() { return std::holds_alternative<Connection::Gone>(read()); }

  int fds_[2] = {-1, -1};
  std::optional<RawClient> peer_;
  ConnectionLimits limits_;
};

TEST_F(ConnectionTest, AHeadThatDripsIsCutOff) {
  std::promise<void> done;
  std::thread dripping([this, cut_off = done.get_future()] {
    peer_->send("GET / HTTP/1.1\r\nHost: a\r\n");
    while (cut_off.wait_for(milliseconds(5)) == std::future_status::timeout) peer_->send("X");
  });
  EXPECT_EQ(refusal(), 408);
  done.set_value();
  dripping.join();
}

TEST_F(ConnectionTest, ABodyThatDoesNotComeIsCutOff) {
  peer_->send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabcd");
  EXPECT_EQ(refusal(), 408);
}

TEST_F(ConnectionTest, AChunkThatDoesNotComeIsCutOff) {
  peer_->send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcd");
  EXPECT_EQ(refusal(), 408);
}

class PeerThatEnds : public ConnectionTest, public ::testing::WithParamInterface<const char*> {};

TEST_P(PeerThatEnds, GetsNoAnswer) {
  peer_->send(GetParam());
  peer_->end_sending();
  EXPECT_TRUE(gone());
}

INSTANTIATE_TEST_SUITE_P(Anywhere, PeerThatEnds,
                         ::testing::Values("", "GET / HT",
                                           "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabcd",
                                           "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"));

TEST_F(ConnectionTest, AnIdlePeerIsGone) {
  limits_.idle = milliseconds(20);
  EXPECT_TRUE(gone());
}

TEST_F(ConnectionTest, AnAnswerThatNobodyReadsIsGivenUp) {
  EXPECT_FALSE(Connection(fds_[0], limits_).send(std::string(10'000'000, 'x')));
}

TEST_F(ConnectionTest, FinishingDoesNotWaitForEverForThePeer) {
  Connection connection(fds_[0], limits_);
  connection.finish();
  EXPECT_EQ(peer_->rest(), "");
}

}  // namespace
}  // namespace mqttproxy::http::testing
