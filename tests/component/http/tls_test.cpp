// TLS under one connection, on a socket pair with little patience. The whole server with TLS: tests/integration.
#include <csignal>
#include <future>
#include <memory>
#include <optional>
#include <thread>

#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../unit/util/certificates.hpp"
#include "http/connection.hpp"
#include "support.hpp"

namespace mqttproxy::http::testing {
namespace {

using std::chrono::milliseconds;
using test::Identity;

/// A client that speaks TLS on a blocking descriptor, its own.
class TlsClient {
 public:
  explicit TlsClient(int fd) : fd_(fd), context_(SSL_CTX_new(TLS_client_method())), session_(SSL_new(context_.get())) {
    const timeval guard{60, 0};
    (void)::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &guard, sizeof guard);
    (void)::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &guard, sizeof guard);
    SSL_set_fd(session_.get(), fd_);
  }
  ~TlsClient() { ::close(fd_); }
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;

  bool connect() { return SSL_connect(session_.get()) == 1; }
  void send(std::string_view bytes) {
    std::size_t sent = 0;
    EXPECT_EQ(SSL_write_ex(session_.get(), bytes.data(), bytes.size(), &sent), 1);
  }
  /// A record that brings no bytes of a request. False: the connection is gone.
  bool update_key() {
    return SSL_key_update(session_.get(), SSL_KEY_UPDATE_NOT_REQUESTED) == 1 && SSL_do_handshake(session_.get()) == 1;
  }
  /// Reads to the end; true when the server has ended in order.
  bool ended_in_order() {
    char byte = 0;
    int result = 0;
    while ((result = SSL_read(session_.get(), &byte, 1)) > 0) {
    }
    return SSL_get_error(session_.get(), result) == SSL_ERROR_ZERO_RETURN;
  }

 private:
  const int fd_;
  util::TlsContext context_;
  util::TlsSession session_;
};

class TlsConnectionTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { (void)std::signal(SIGPIPE, SIG_IGN); }

  TlsConnectionTest() {
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, fds_), 0);
    const Identity server = Identity::self_signed("server");
    context_ = util::make_tls_server({server.certificate_pem(), server.key_pem(), "", {}}).context;
    limits_.patience = milliseconds(100);
    limits_.linger = milliseconds(100);
    limits_.bytes_per_second = 1U << 30U;
  }
  ~TlsConnectionTest() override {
    end();
    ::close(fds_[0]);
  }

  /// The server's side.
  Io open() { return connection_.emplace(fds_[0], limits_, context_.get()).open(); }
  void end() { connection_.reset(); }
  /// The other side, through the handshake.
  std::unique_ptr<TlsClient> connected() {
    auto client = std::make_unique<TlsClient>(fds_[1]);
    auto done = std::async(std::launch::async, [&client] { return client->connect(); });
    EXPECT_EQ(open(), Io::Ok);
    EXPECT_TRUE(done.get());
    return client;
  }
  Connection::ReadResult read() {
    return connection_->read([](const RequestHead&) { return std::size_t{1'000'000}; });
  }

  int fds_[2] = {-1, -1};
  util::TlsContext context_;
  ConnectionLimits limits_;
  std::optional<Connection> connection_;
};

TEST_F(TlsConnectionTest, AHandshakeThatDoesNotComeIsCutOff) {
  const RawClient peer = RawClient::from(fds_[1]);
  EXPECT_EQ(open(), Io::Late);
}

TEST_F(TlsConnectionTest, AHandshakeThatDripsIsCutOff) {
  RawClient peer = RawClient::from(fds_[1]);
  std::promise<void> done;
  std::thread dripping([&peer, cut_off = done.get_future()] {
    peer.send(std::string_view("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11));  // a ClientHello of 512 bytes
    while (cut_off.wait_for(milliseconds(5)) == std::future_status::timeout) peer.send("X");
  });
  EXPECT_EQ(open(), Io::Late);
  done.set_value();
  dripping.join();
}

TEST_F(TlsConnectionTest, APeerThatLeavesHasNotFailed) {
  RawClient::from(fds_[1]).send(std::string_view("\x16\x03\x01", 3));
  EXPECT_EQ(open(), Io::Closed);
  EXPECT_EQ(connection_->failure(), "");
}

TEST_F(TlsConnectionTest, WhatIsNoTlsIsRefusedWithAReason) {
  RawClient peer = RawClient::from(fds_[1]);
  peer.send(request("GET", "/healthz"));
  EXPECT_EQ(open(), Io::Closed);
  EXPECT_EQ(connection_->failure(), "http request");
}

class TlsRequestTest : public TlsConnectionTest {
 protected:
  TlsRequestTest() { limits_.patience = milliseconds(60'000); }
};

TEST_F(TlsRequestTest, MayComeByteByByte) {
  const auto client = connected();
  const std::string text = publish("hello") + request("GET", "/healthz");
  for (const char c : text) client->send({&c, 1});
  EXPECT_TRUE(std::holds_alternative<Connection::Incoming>(read()));
  const auto second = read();
  ASSERT_TRUE(std::holds_alternative<Connection::Incoming>(second));
  EXPECT_EQ(std::get<Connection::Incoming>(second).head.target, "/healthz");
}

TEST_F(TlsRequestTest, MayBeBehindAnotherOneInARecord) {
  const auto client = connected();
  client->send(request("GET", "/healthz") + request("GET", "/readyz") + std::string(10'000, 'x'));
  EXPECT_TRUE(std::holds_alternative<Connection::Incoming>(read()));
  EXPECT_TRUE(std::holds_alternative<Connection::Incoming>(read()));
}

// What did not fit into the buffer is decrypted already: the socket has nothing more to say of it.
TEST_F(TlsRequestTest, MayEndInARecordThatIsTakenInParts) {
  constexpr std::size_t kLargestRecord = 16'384;
  const auto client = connected();
  const std::string head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 16340\r\n\r\n";
  const std::string text = head + std::string(16'340, 'x');
  const std::size_t first = text.size() - kLargestRecord;
  ASSERT_LT(first, head.size());  // so that the largest record meets a buffer that has not its room
  client->send(text.substr(0, first));
  client->send(text.substr(first));
  const auto result = read();
  ASSERT_TRUE(std::holds_alternative<Connection::Incoming>(result));
  EXPECT_EQ(std::get<Connection::Incoming>(result).body, text.substr(head.size()));
}

TEST_F(TlsRequestTest, ThatIsNotReadWholeEndsInOrderAllTheSame) {
  const auto client = connected();
  client->send("GET / HT");
  EXPECT_TRUE(connection_->send("HTTP/1.1 200 OK\r\n\r\n"));
  auto ended = std::async(std::launch::async, [&client] { return client->ended_in_order(); });
  connection_->finish();
  EXPECT_TRUE(ended.get());
}

TEST_F(TlsRequestTest, ThatDoesNotComeEndsInOrder) {
  limits_.idle = milliseconds(20);
  const auto client = connected();
  EXPECT_TRUE(std::holds_alternative<Connection::Gone>(read()));
  end();
  EXPECT_TRUE(client->ended_in_order());
}

TEST_F(TlsRequestTest, IsNotTakenFromAPeerThatBreaksOff) {
  {
    const auto client = connected();
    client->send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabcd");
  }
  EXPECT_TRUE(std::holds_alternative<Connection::Gone>(read()));
}

TEST_F(TlsRequestTest, WhoseAnswerNobodyReadsIsGivenUp) {
  limits_.patience = milliseconds(1'000);
  const auto client = connected();
  EXPECT_FALSE(connection_->send(std::string(10'000'000, 'x')));
}

// Records without a byte for us must not keep a thread beyond its time.
TEST_F(TlsRequestTest, WithEndlessKeyUpdatesIsCutOff) {
  limits_.patience = milliseconds(1'000);
  const auto client = connected();
  client->send("GET / HT");
  auto flood = std::async(std::launch::async, [&client] {
    while (client->update_key()) {
    }
  });
  const auto result = read();
  ASSERT_TRUE(std::holds_alternative<Refusal>(result));
  EXPECT_EQ(std::get<Refusal>(result).status, 408);
  (void)::shutdown(fds_[0], SHUT_RDWR);
  flood.get();
}

}  // namespace
}  // namespace mqttproxy::http::testing
