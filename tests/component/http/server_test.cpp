// Connections: how many, for how long, and how they end.
#include <filesystem>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support.hpp"

namespace mqttproxy::http::testing {
namespace {

class ServerTest : public ApiServerTest {
 protected:
  /// Both ends of every connection are in this process.
  static void SetUpTestSuite() {
    rlimit limit{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
  }
};

TEST_F(ServerTest, ABusyPortIsAnError) {
  start();
  config_.address.port = server_->port();
  ApiServer second(
      config_, config::LimitsConfig(), registry_, [] { return std::vector<std::string>(); },
      Backends{bus_, sessions_, {}, {}});
  EXPECT_THROW(second.start(), std::runtime_error);
}

TEST_F(ServerTest, AThousandKeepAliveClientsAreAllServed) {
  start();
  std::vector<RawClient> clients;
  for (int i = 0; i < 1'000; ++i) clients.push_back(client());
  // One alone first: the library makes its tables with the first request, and ThreadSanitizer, which does not see into
  // it, would take their use by others meanwhile for a race.
  clients.front().send(request("GET", "/healthz"));
  EXPECT_EQ(clients.front().status(), 200);
  for (int round = 0; round < 2; ++round) {
    for (RawClient& peer : clients) peer.send(publish("x"));
    for (RawClient& peer : clients) EXPECT_EQ(peer.status(), 200);
  }
  EXPECT_EQ(bus_.messages().size(), 2'000U);
  EXPECT_EQ(metric("mqttproxy_http_connections"), "1000");
}

// Where devices hold the small descriptors, those of HTTP connections are beyond what select() takes.
TEST_F(ServerTest, ALargeDescriptorIsServed) {
  start();
  std::vector<int> taken;
  while (taken.empty() || taken.back() <= FD_SETSIZE) taken.push_back(::open("/dev/null", O_RDONLY));
  RawClient peer = client();
  peer.send(publish("x") + publish("y"));
  EXPECT_EQ(peer.status(), 200);
  EXPECT_EQ(peer.status(), 200);
  for (const int fd : taken) ::close(fd);
}

TEST_F(ServerTest, ConnectionsBeyondTheLimitGet503UntilOthersLeave) {
  config_.max_connections = 2;
  start();
  RawClient first = client();
  first.send(request("GET", "/healthz"));
  EXPECT_EQ(first.status(), 200);
  {
    RawClient second = client();
    second.send(request("GET", "/healthz"));
    EXPECT_EQ(second.status(), 200);
    RawClient third = client();
    third.send(request("GET", "/healthz"));
    const auto response = third.receive();
    ASSERT_TRUE(response);
    EXPECT_EQ(response->status, 503);
    EXPECT_EQ(third.rest(), "");
  }
  EXPECT_TRUE(eventually([this] { return metric("mqttproxy_http_connections") == "1"; }));
  RawClient fourth = client();
  fourth.send(request("GET", "/healthz"));
  EXPECT_EQ(fourth.status(), 200);
  EXPECT_EQ(metric("mqttproxy_http_connections_refused_total"), "1");
}

TEST_F(ServerTest, AnIdleConnectionIsClosedWithoutAWord) {
  config_.idle_timeout = std::chrono::milliseconds(50);
  start();
  RawClient peer = client();
  peer.send(request("GET", "/healthz"));
  EXPECT_EQ(peer.status(), 200);
  EXPECT_EQ(peer.rest(), "");
  RawClient silent = client();
  EXPECT_EQ(silent.rest(), "");
}

TEST_F(ServerTest, StoppingEndsIdleConnections) {
  start();
  RawClient silent = client();
  RawClient peer = client();
  peer.send(request("GET", "/healthz"));
  EXPECT_EQ(peer.status(), 200);
  server_->stop();
  EXPECT_EQ(peer.rest(), "");
  EXPECT_EQ(silent.rest(), "");
}

TEST_F(ServerTest, StoppingWaitsForTheAnswerThatIsOnItsWay) {
  start();
  bus_.shut();
  RawClient idle = client();
  idle.send(request("GET", "/healthz"));
  EXPECT_EQ(idle.status(), 200);
  RawClient peer = client();
  peer.send(publish("late"));
  bus_.wait_for_publisher();
  std::thread stopping([this] { server_->stop(); });
  EXPECT_EQ(idle.rest(), "");  // it has begun
  bus_.open();
  EXPECT_EQ(peer.status(), 200);
  EXPECT_EQ(peer.rest(), "");
  stopping.join();
  EXPECT_EQ(bus_.payloads(), std::vector<std::string>{"late"});
}

/// The descriptor of this process that listens on `port`.
int listening_on(std::uint16_t port) {
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    const int fd = std::stoi(entry.path().filename());
    sockaddr_in address{};
    socklen_t size = sizeof address;
    int listens = 0;
    socklen_t listens_size = sizeof listens;
    if (::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &listens_size) == 0 && listens != 0 &&
        ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0 && ntohs(address.sin_port) == port) {
      return fd;
    }
  }
  return -1;
}

TEST_F(ServerTest, AFailureToAcceptIsNotTheEndOfTheApi) {
  start();
  const std::uint16_t port = server_->port();
  const int listening = listening_on(port);
  ASSERT_GE(listening, 0);
  ASSERT_EQ(::shutdown(listening, SHUT_RDWR), 0);  // accept() fails from now on
  EXPECT_TRUE(eventually([port] {
    const int again = listening_on(port);
    return again >= 0;
  }));
  RawClient peer = client();
  peer.send(request("GET", "/healthz"));
  EXPECT_EQ(peer.status(), 200);
}

TEST_F(ServerTest, AnExceptionCostsOneRequest) {
  start();
  bus_.throws = true;
  RawClient peer = client();
  peer.send(publish("x"));
  const auto response = peer.receive();
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 500);
  EXPECT_EQ(response->body, R"({"code":500,"message":"internal error"})");
  EXPECT_FALSE(response->headers.contains("exception_what"));
  peer.send(request("GET", "/healthz"));
  EXPECT_EQ(peer.status(), 200);
  EXPECT_EQ(metric(R"(mqttproxy_http_requests_total{route="publish",code="500"})"), "1");
}

TEST_F(ServerTest, RequestsAreCountedByRouteAndCode) {
  start();
  RawClient peer = client();
  peer.send(publish("12345") + request("POST", kPublish, "x") + request("GET", "/nothing/at/all") +
            request("GET", "/apis/v2/metrics"));
  for (const int status : {200, 400, 404, 200}) EXPECT_EQ(peer.status(), status);
  RawClient broken = client();
  broken.send("nonsense\r\n\r\n");
  EXPECT_EQ(broken.status(), 400);
  EXPECT_EQ(metric(R"(mqttproxy_http_requests_total{route="publish",code="200"})"), "1");
  EXPECT_EQ(metric(R"(mqttproxy_http_requests_total{route="publish",code="400"})"), "1");
  EXPECT_EQ(metric(R"(mqttproxy_http_requests_total{route="unknown",code="404"})"), "1");
  EXPECT_EQ(metric(R"(mqttproxy_http_requests_total{route="unknown",code="400"})"), "1");
  EXPECT_EQ(metric(R"(mqttproxy_http_requests_total{route="metrics",code="200"})"), "1");
  EXPECT_EQ(metric(R"(mqttproxy_http_published_messages_total{result="accepted"})"), "1");
  EXPECT_EQ(metric("mqttproxy_http_published_bytes_total"), "5");
}

}  // namespace
}  // namespace mqttproxy::http::testing
