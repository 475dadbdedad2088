// Where one request ends and the next begins: what a client sends as a body must never run as a request.
#include <random>

#include "support.hpp"

namespace mqttproxy::http::testing {
namespace {

using FramingTest = ApiServerTest;

struct Refused {
  const char* name;
  const char* method;
  std::string target;
  std::string headers;  // lines
  int status;
};

std::ostream& operator<<(std::ostream& out, const Refused& refused) {
  return out << refused.name;
}

class RefusedRequest : public ApiServerTest, public ::testing::WithParamInterface<Refused> {
 protected:
  RefusedRequest() {
    config_.max_body_bytes = 1'024;
    if (std::string_view(GetParam().name) == "token") config_.token = "sesame";
  }
};

TEST_P(RefusedRequest, LeavesNoBodyToRunAsTheNextRequest) {
  start();
  RawClient peer = client();
  // The body is a whole request; where it is too large, as often as it takes.
  std::string body = publish("smuggled", "Authorization: Bearer sesame\r\n");
  if (GetParam().status == 413) {
    while (body.size() <= config_.max_body_bytes) body += body;
  }
  peer.send(request(GetParam().method, GetParam().target, body, GetParam().headers));
  EXPECT_EQ(peer.status(), GetParam().status);
  EXPECT_EQ(peer.rest(), "");
  EXPECT_TRUE(bus_.messages().empty());
}

TEST_P(RefusedRequest, LeavesNoChunkedBodyEither) {
  start();
  RawClient peer = client();
  std::string body = publish("smuggled", "Authorization: Bearer sesame\r\n");
  std::string text =
      request(GetParam().method, GetParam().target, {}, GetParam().headers + "Transfer-Encoding: chunked\r\n");
  for (int i = 0; i < 16; ++i) {  // 16 of them are above the limit
    char size[8];
    std::snprintf(size, sizeof size, "%zx", body.size());
    text += std::string(size) + "\r\n" + body + "\r\n";
  }
  peer.send(text + "0\r\n\r\n");
  EXPECT_EQ(peer.status(), GetParam().status);
  EXPECT_EQ(peer.rest(), "");
  EXPECT_TRUE(bus_.messages().empty());
}

INSTANTIATE_TEST_SUITE_P(
    All, RefusedRequest,
    ::testing::Values(Refused{"token", "POST", std::string(kPublish), "", 401},
                      Refused{"web_page", "POST", std::string(kPublish), "Origin: http://example.org\r\n", 403},
                      Refused{"unknown_path", "POST", "/nothing", "", 404},
                      Refused{"unknown_proxy", "POST", "/apis/v1/mqttproxy/nobody/topics/publish", "", 404},
                      Refused{"method", "PUT", std::string(kPublish), "", 400},
                      Refused{"unknown_method", "FETCH", std::string(kPublish), "", 400},
                      Refused{"body_nobody_wants", "GET", "/healthz", "", 200},
                      Refused{"too_large", "POST", std::string(kPublish), "", 413},
                      Refused{"encoded", "POST", std::string(kPublish), "Content-Encoding: gzip\r\n", 415},
                      Refused{"expectation", "POST", std::string(kPublish), "Expect: something\r\n", 417},
                      Refused{"two_lengths", "POST", std::string(kPublish), "Content-Length: 5\r\n", 400}),
    [](const auto& refused) { return std::string(refused.param.name); });

TEST_F(FramingTest, LengthAndChunksTogetherAreRefusedAndNothingRuns) {
  start();
  RawClient peer = client();
  const std::string inner = publish("smuggled");
  peer.send(request("POST", kPublish, "0\r\n\r\n" + inner, "Transfer-Encoding: chunked\r\n"));
  EXPECT_EQ(peer.status(), 400);
  EXPECT_EQ(peer.rest(), "");
  EXPECT_TRUE(bus_.messages().empty());
}

TEST_F(FramingTest, ABodyThatIsReadAndRefusedDoesNotEndTheConnection) {
  start();
  RawClient peer = client();
  peer.send(request("POST", kPublish, publish("smuggled")));
  EXPECT_EQ(peer.status(), 400);
  peer.send(publish("next"));
  EXPECT_EQ(peer.status(), 200);
  EXPECT_EQ(bus_.payloads(), std::vector<std::string>{"next"});
}

TEST_F(FramingTest, PipelinedRequestsAreAnsweredInOrder) {
  start();
  RawClient peer = client();
  peer.send(request("GET", "/healthz") + publish("1") + request("GET", "/nothing") + publish("2") + publish("3") +
            request("GET", "/readyz"));
  for (const int status : {200, 200, 404, 200, 200, 200}) EXPECT_EQ(peer.status(), status);
  EXPECT_EQ(bus_.payloads(), (std::vector<std::string>{"1", "2", "3"}));
}

TEST_F(FramingTest, ChunkedBodiesAreTakenByteByByte) {
  start();
  RawClient peer = client();
  const std::string text =
      request("POST", kPublish, {}, "Transfer-Encoding: chunked\r\n") +
      "a;x=y\r\n{\"topic\":\"\r\n1\r\nt\r\n1F\r\n\",\"payload\":\"a chunked payload\"\r\n1\r\n}\r\n"
      "0\r\nTrailer: x\r\n\r\n";
  for (const char c : text) peer.send({&c, 1});
  EXPECT_EQ(peer.status(), 200);
  peer.send(publish("next"));
  EXPECT_EQ(peer.status(), 200);
  EXPECT_EQ(bus_.payloads(), (std::vector<std::string>{"a chunked payload", "next"}));
}

TEST_F(FramingTest, AMalformedChunkEndsTheConnection) {
  start();
  RawClient peer = client();
  peer.send(request("POST", kPublish, {}, "Transfer-Encoding: chunked\r\n") + "5\r\nabcdefg\r\n" + publish("smuggled"));
  EXPECT_EQ(peer.status(), 400);
  EXPECT_EQ(peer.rest(), "");
  EXPECT_TRUE(bus_.messages().empty());
}

TEST_F(FramingTest, ABodyOfExactlyTheLimitIsTaken) {
  config_.max_body_bytes = 1'024;
  start();
  RawClient peer = client();
  const std::size_t overhead = std::string_view(R"({"topic":"t","payload":""})").size();
  peer.send(publish(std::string(config_.max_body_bytes - overhead, 'x')));
  EXPECT_EQ(peer.status(), 200);
  peer.send(publish(std::string(config_.max_body_bytes - overhead + 1, 'x')));
  EXPECT_EQ(peer.status(), 413);
}

TEST_F(FramingTest, ALargeBodyArrivesWhole) {
  start();
  RawClient peer = client();
  const std::string payload(5'000'000, 'x');
  peer.send(publish(payload));
  EXPECT_EQ(peer.status(), 200);
  EXPECT_EQ(bus_.payloads(), std::vector<std::string>{payload});
}

TEST_F(FramingTest, ABodyIsAskedForWhenTheClientWaitsForThat) {
  start();
  RawClient peer = client();
  const std::string text = publish("hello", "Expect: 100-continue\r\n");
  const std::size_t body = text.find("\r\n\r\n") + 4;
  peer.send(text.substr(0, body));
  EXPECT_EQ(peer.status(), 100);
  peer.send(text.substr(body));
  EXPECT_EQ(peer.status(), 200);
  EXPECT_EQ(bus_.payloads(), std::vector<std::string>{"hello"});
}

TEST_F(FramingTest, ABodyThatWouldBeRefusedIsNotAskedFor) {
  config_.token = "sesame";
  start();
  RawClient peer = client();
  const std::string text = publish("hello", "Expect: 100-continue\r\n");
  peer.send(text.substr(0, text.find("\r\n\r\n") + 4));
  EXPECT_EQ(peer.status(), 401);
  EXPECT_EQ(peer.rest(), "");
}

TEST_F(FramingTest, ABodyThatIsThereAlreadyIsNotAskedFor) {
  start();
  RawClient peer = client();
  peer.send(publish("hello", "Expect: 100-continue\r\n"));
  EXPECT_EQ(peer.status(), 200);
}

TEST_F(FramingTest, HeadsAreBounded) {
  start();
  const std::string line = "X: " + std::string(1'000, 'x') + "\r\n";
  std::string large;
  for (int i = 0; i < 20; ++i) large += line;
  std::string many;
  for (int i = 0; i < 3'000; ++i) many += "A:b\r\n";
  RawClient a = client();
  a.send(request("GET", "/healthz", {}, large));
  EXPECT_EQ(a.status(), 431);
  EXPECT_EQ(a.rest(), "");
  RawClient b = client();
  b.send(request("GET", "/healthz", {}, many));
  EXPECT_EQ(b.status(), 431);
  RawClient c = client();
  c.send(request("GET", "/" + std::string(100'000, 'x')));
  EXPECT_EQ(c.status(), 414);
}

TEST_F(FramingTest, RangesAreIgnored) {
  start();
  RawClient peer = client();
  for (const char* range : {"bytes=0-3", "bytes=3-1", "bytes=0-0,1-1", "nonsense"}) {
    peer.send(request("GET", "/healthz", {}, "Range: " + std::string(range) + "\r\n"));
    const auto response = peer.receive();
    ASSERT_TRUE(response);
    EXPECT_EQ(response->status, 200) << range;
    EXPECT_EQ(response->body, R"({"alive":true})") << range;
  }
}

TEST_F(FramingTest, AnswersAreNotCompressed) {
  start();
  RawClient peer = client();
  peer.send(request("GET", "/metrics", {}, "Accept-Encoding: gzip, br\r\n"));
  const auto response = peer.receive();
  ASSERT_TRUE(response);
  EXPECT_FALSE(response->headers.contains("content-encoding"));
}

TEST_F(FramingTest, Http10IsAnsweredAndTheConnectionEnded) {
  start();
  RawClient peer = client();
  peer.send("GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  const auto response = peer.receive();
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 200);
  EXPECT_EQ(response->headers.at("connection"), "close");
  EXPECT_EQ(peer.rest(), "");
}

TEST_F(FramingTest, HeadHasNoBodyAndTheSameHeaders) {
  start();
  RawClient peer = client();
  peer.send(request("HEAD", "/healthz") + request("GET", "/healthz"));
  const auto head = peer.receive(true);
  const auto get = peer.receive();
  ASSERT_TRUE(head && get);
  EXPECT_EQ(head->headers.at("content-length"), get->headers.at("content-length"));
  EXPECT_EQ(get->body, R"({"alive":true})");
}

TEST_F(FramingTest, AClientThatEndsItsSideStillGetsItsAnswer) {
  start();
  RawClient peer = client();
  peer.send(publish("hello"));
  peer.end_sending();
  EXPECT_EQ(peer.status(), 200);
  EXPECT_EQ(peer.rest(), "");
}

// Whatever is sent: an answer that is one of ours or an end, and the server lives.
TEST_F(FramingTest, RandomRequestsAreAnsweredOrEnded) {
  start();
  std::mt19937 random(20'260'101);  // the same every time
  const auto below = [&random](std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(random); };
  static constexpr std::string_view kParts[] = {"GET ",
                                                "POST ",
                                                "DELETE ",
                                                "/healthz",
                                                kPublish,
                                                " HTTP/1.1",
                                                " HTTP/1.0",
                                                "\r\n",
                                                "\r\n\r\n",
                                                "\n",
                                                "\r",
                                                " ",
                                                "Host: a",
                                                "Content-Length: 3",
                                                "Content-Length: -1",
                                                "Transfer-Encoding: chunked",
                                                "Connection: close",
                                                "3\r\nabc",
                                                "0\r\n\r\n",
                                                "%",
                                                "%zz",
                                                "?",
                                                "?page=1",
                                                "\t",
                                                ":",
                                                std::string_view("\0", 1),
                                                "\xff",
                                                "Expect: 100-continue",
                                                R"({"topic":"t"})",
                                                "Range: bytes=1-0",
                                                "Authorization: Bearer x"};
  for (int i = 0; i < 400; ++i) {
    std::string text = i % 2 == 0 ? "GET /healthz HTTP/1.1\r\nHost: a\r\n" : "";
    for (std::size_t n = below(12); n != 0; --n) text += kParts[below(std::size(kParts))];
    RawClient peer = client();
    peer.send(text);
    peer.end_sending();
    while (const auto response = peer.receive()) {
      EXPECT_TRUE(response->status == 100 || response->status == 200 || response->body.starts_with("{\"code\":"))
          << text;
    }
  }
  RawClient peer = client();
  peer.send(request("GET", "/healthz"));
  EXPECT_EQ(peer.status(), 200);
  EXPECT_TRUE(eventually([this] { return metric("mqttproxy_http_requests_in_flight") == "0"; }));
}

}  // namespace
}  // namespace mqttproxy::http::testing
