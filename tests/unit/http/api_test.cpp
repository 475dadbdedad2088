#include "http/api.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "fakes.hpp"

namespace mqttproxy::http::testing {
namespace {

constexpr std::string_view kBase = "/apis/v1/mqttproxy/mqttproxy";

std::string below(std::string_view path) {
  return std::string(kBase) + std::string(path);
}

class ApiTest : public ::testing::Test {
 protected:
  Answer ask(std::string_view method, const std::string& target, std::string_view body = {},
             std::string_view authorization = {}) {
    const CurrentSettings settings(make_settings(config_, {}));
    const Api api(
        settings, registry_, [this] { return reasons_; },
        Backends{bus_,
                 sessions_,
                 {"mqttproxy", "empty"},
                 [this] { return reloaded_; },
                 [this] { return reason_not_alive_; },
                 [this] { return memory_full_; },
                 {},
                 [this](const Question& question) {
                   asked_ = question;
                   return explanation_;
                 },
                 &recent_log_},
        counters_);
    const Request request{method, target, authorization, host_, origin_};
    takes_body_ = api.max_body_bytes(request) != 0;
    return api.answer(request, params_, body);
  }
  Answer publish(std::string_view body) { return ask("POST", below("/topics/publish"), body); }
  Answer query(const Params& params) {
    params_ = params;
    return ask("GET", below("/session/query?x"));
  }
  /// 400, 404 …: an error says what is wrong, as JSON.
  static void expect_error(const Answer& answer, int status) {
    EXPECT_EQ(answer.status, status);
    EXPECT_EQ(answer.content_type, "application/json");
    const auto body = nlohmann::json::parse(answer.body);
    EXPECT_EQ(body.at("code"), status);
    EXPECT_FALSE(body.at("message").get<std::string>().empty());
  }
  static std::string header(const Answer& answer, std::string_view name) {
    for (const auto& [header_name, value] : answer.headers) {
      if (header_name == name) return value;
    }
    return {};
  }
  void ten_sessions() {
    for (int i = 0; i < 10; ++i) {
      downlink::SessionDetail session;
      session.client_id = "client" + std::to_string(i);
      session.node = "node1";
      session.connected = i % 2 == 0;
      session.filters = {{"topic", mqtt::Qos::AtLeastOnce}, {"unit/" + std::to_string(i), mqtt::Qos::AtMostOnce}};
      sessions_.sessions[session.client_id] = session;
    }
  }
  static std::size_t count(const Answer& answer) {
    const auto sessions = nlohmann::json::parse(answer.body).at("sessions");
    return sessions.is_null() ? 0 : sessions.size();
  }

  config::ApiConfig config_;
  metrics::Registry registry_;
  Counters counters_;
  FakeBus bus_;
  FakeSessions sessions_;
  std::vector<std::string> reasons_;
  std::shared_ptr<const config::Diagnostics> reloaded_;
  std::string reason_not_alive_;
  bool memory_full_ = false;
  Params params_;
  std::string host_ = "127.0.0.1:2381";
  std::optional<std::string_view> origin_;
  Question asked_;
  std::optional<Explanation> explanation_;
  util::RecentLog recent_log_;
  bool takes_body_ = false;
};

TEST_F(ApiTest, HealthSaysWhyTheProcessIsOfNoUse) {
  reasons_ = {"kafka"};
  EXPECT_EQ(ask("GET", "/healthz").status, 200) << "readiness has no say in it";
  reason_not_alive_ = "worker 1 does not answer";
  const Answer answer = ask("GET", "/healthz");
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.body, R"({"alive":false,"reasons":["worker 1 does not answer"]})");
}

// ---- who may ask for what

TEST_F(ApiTest, HealthAndReadinessAreOpenAndAllElseNeedsTheToken) {
  config_.token = "sesame";
  for (const char* target : {"/healthz", "/readyz", "/apis/v1/healthz", "/apis/v2/readyz/"}) {
    EXPECT_EQ(ask("GET", target).status, 200) << target;
  }
  for (const std::string& target :
       {std::string("/metrics"), below("/topics/publish"), below("/session/query"), below("/sessions"),
        below("/sessions/a"), below("/connections"), below("/explain"), std::string("/apis/v1/errors"),
        std::string("/apis/v1/mqttproxy"), std::string("/apis/v1/"), std::string("/nothing"), std::string("//healthz"),
        std::string("/%68ealthz"), std::string("/metrics/../healthz"), std::string("/healthz/x"),
        std::string("/apis/v1/mqttproxy/nobody/sessions")}) {
    for (const char* method : {"GET", "POST", "DELETE", "OPTIONS"}) {
      const Answer answer = ask(method, target, "{}");
      expect_error(answer, 401);
      EXPECT_EQ(header(answer, "WWW-Authenticate"), "Bearer");
      EXPECT_FALSE(takes_body_) << "nothing of it is read";
    }
  }
}

TEST_F(ApiTest, OnlyTheExactTokenIsTaken) {
  config_.token = "sesame";
  for (const char* wrong : {"", "sesame", "Bearer", "Bearer ", "Bearer sesam", "Bearer sesamE", "Bearer sesame ",
                            "Bearer sesame2", "Bearer  sesame", "Basic sesame", "Bearersesame"}) {
    EXPECT_EQ(ask("GET", "/metrics", {}, wrong).status, 401) << wrong;
  }
  EXPECT_EQ(ask("GET", "/metrics", {}, "Bearer sesame").status, 200);
  EXPECT_EQ(ask("GET", "/metrics", {}, "bearer sesame").status, 200);
}

TEST_F(ApiTest, AWebPageThatIsNotOursNeedsTheToken) {
  origin_ = "http://127.0.0.1:2381";
  EXPECT_EQ(publish(R"({"topic":"t"})").status, 200);
  origin_ = "http://example.org";
  expect_error(publish(R"({"topic":"t"})"), 403);
  EXPECT_FALSE(takes_body_);
  EXPECT_EQ(ask("GET", "/healthz").status, 200);
  config_.token = "sesame";
  EXPECT_EQ(ask("POST", below("/topics/publish"), R"({"topic":"t"})", "Bearer sesame").status, 200);
}

TEST_F(ApiTest, WhatIsNotThereIs404) {
  expect_error(ask("GET", "/nothing"), 404);
  expect_error(ask("POST", "/apis/v1/mqttproxy/nobody/topics/publish", "{}"), 404);
  expect_error(ask("PUT", "/apis/v1/mqttproxy/nobody/topics/publish", "{}"), 404);
  EXPECT_EQ(ask("POST", "/apis/v2/mqttproxy/empty/topics/publish", R"({"topic":"t"})").status, 200);
  EXPECT_EQ(bus_.messages().at(0).proxy, "empty");
}

TEST_F(ApiTest, AWrongMethodIs400AndSaysWhichIsRight) {
  const std::pair<std::string, std::string> allowed[] = {{below("/topics/publish"), "POST"},
                                                         {below("/sessions"), "DELETE"},
                                                         {below("/sessions/a"), "GET, HEAD"},
                                                         {below("/session/query"), "GET, HEAD"},
                                                         {"/metrics", "GET, HEAD"},
                                                         {"/healthz", "GET, HEAD"},
                                                         {below("/connections"), "GET, HEAD"},
                                                         {below("/explain"), "POST"},
                                                         {"/apis/v1/errors", "GET, HEAD"},
                                                         {"/apis/v1/mqttproxy", "GET, HEAD"},
                                                         {"/", "GET, HEAD"}};
  for (const auto& [target, methods] : allowed) {
    for (const std::string method : {"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "FETCH", "get"}) {
      if (methods.find(method) != std::string::npos) continue;
      const Answer answer = ask(method, target, R"({"topic":"t"})");
      expect_error(answer, 400);
      EXPECT_EQ(header(answer, "Allow"), methods);
      EXPECT_FALSE(takes_body_);
    }
  }
  EXPECT_TRUE(bus_.messages().empty());
}

TEST_F(ApiTest, ANameMayPointAnywhereSoWithoutATokenItIsRefused) {
  host_ = "example.org:2381";
  expect_error(ask("GET", "/metrics"), 403);
  expect_error(ask("GET", below("/connections")), 403);
  EXPECT_EQ(ask("GET", "/healthz").status, 200);
  EXPECT_EQ(ask("GET", "/").status, 200) << "there is nothing in it";
  config_.token = "sesame";
  EXPECT_EQ(ask("GET", "/metrics", {}, "Bearer sesame").status, 200);
}

TEST_F(ApiTest, OnlyThreeResourcesTakeABody) {
  (void)publish("{}");
  EXPECT_TRUE(takes_body_);
  (void)ask("DELETE", below("/sessions"), "{}");
  EXPECT_TRUE(takes_body_);
  (void)ask("POST", below("/explain"), "[]");
  EXPECT_TRUE(takes_body_);
  for (const std::string& target :
       {std::string("/healthz"), std::string("/metrics"), below("/session/query"), below("/sessions/a")}) {
    (void)ask("GET", target);
    EXPECT_FALSE(takes_body_) << target;
  }
}

// ---- the process

TEST_F(ApiTest, ReadinessSaysWhyNot) {
  EXPECT_EQ(ask("GET", "/readyz").body, R"({"ready":true,"reasons":[]})");
  reasons_ = {"Kafka \"a:1\" \xff"};
  const Answer answer = ask("GET", "/readyz");
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(nlohmann::json::parse(answer.body).at("ready"), false);
}

// ---- the page

TEST_F(ApiTest, ThePageIsForEverybodyAndRunsNothingButItsOwnScript) {
  config_.token = "sesame";
  const Answer answer = ask("GET", "/");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.content_type, "text/html; charset=utf-8");
  EXPECT_EQ(answer.body.find("<!DOCTYPE html>"), 0U);
  for (const char* placeholder : {"@STYLE@", "@SCRIPT@"}) {
    EXPECT_EQ(answer.body.find(placeholder), std::string::npos);
  }
  const std::string policy = header(answer, "Content-Security-Policy");
  for (const char* part : {"default-src 'none'; ", "script-src 'sha256-", "style-src 'sha256-", "connect-src 'self'; ",
                           "frame-ancestors 'none'; ", "base-uri 'none'; "}) {
    EXPECT_NE(policy.find(part), std::string::npos) << part;
  }
  EXPECT_EQ(policy.find("unsafe"), std::string::npos);
  EXPECT_EQ(header(answer, "X-Content-Type-Options"), "nosniff");
  EXPECT_EQ(header(answer, "Referrer-Policy"), "no-referrer");
  expect_error(ask("POST", "/"), 400);
}

TEST_F(ApiTest, ThePageHoldsNoAddressOfAnybodyElse) {
  std::string body = ask("GET", "/").body;
  for (const std::string name : {"http://www.w3.org/2000/svg"}) {  // a name, which nobody asks for
    for (std::size_t at; (at = body.find(name)) != std::string::npos;) body.erase(at, name.size());
  }
  EXPECT_EQ(body.find("://"), std::string::npos);
}

// ---- connections

TEST_F(ApiTest, AConnectionAsItIsListed) {
  downlink::ConnectionDetail connection;
  connection.client_id = "a\"<b>";
  connection.address = "192.0.2.1:50123";
  connection.listener = "192.0.2.9:1883";
  connection.since = std::chrono::system_clock::from_time_t(1'767'225'600);
  connection.keep_alive = 60;
  connection.packets_in = 1;
  connection.packets_out = 2;
  connection.bytes_in = 3;
  connection.bytes_out = std::uint64_t{1} << 40U;
  connection.unacked = 5;
  connection.inflight = 6;
  connection.queued = 7;
  connection.subscriptions = 8;
  connection.parked = {"ack_window"};
  sessions_.connected = {connection};
  EXPECT_EQ(nlohmann::json::parse(ask("GET", below("/connections")).body), nlohmann::json::parse(R"({"more": false,
    "connections": [{"clientID": "a\"<b>", "username": null, "address": "192.0.2.1:50123",
    "listener": "192.0.2.9:1883", "tls": null, "connectedSince": "2026-01-01T00:00:00Z", "keepAlive": 60,
    "cleanSession": true, "packetsIn": 1, "packetsOut": 2, "bytesIn": 3, "bytesOut": 1099511627776, "unacked": 5,
    "inflight": 6, "queued": 7, "subscriptions": 8, "parked": ["ack_window"]}]})"));
  sessions_.connected.front().username = "u";
  sessions_.connected.front().tls = "TLSv1.3";
  const auto body = nlohmann::json::parse(ask("GET", below("/connections")).body).at("connections").at(0);
  EXPECT_EQ(body.at("username"), "u");
  EXPECT_EQ(body.at("tls"), "TLSv1.3");
}

TEST_F(ApiTest, ConnectionsAreBounded) {
  for (int i = 0; i < 1'100; ++i) sessions_.connected.emplace_back().client_id = "c" + std::to_string(i);
  const auto list = [this](const Params& params) {
    params_ = params;
    const auto body = nlohmann::json::parse(ask("GET", below("/connections")).body);
    return std::pair(body.at("connections").size(), body.at("more").get<bool>());
  };
  EXPECT_EQ(list({}), std::pair(std::size_t{100}, true));
  EXPECT_EQ(list({{"limit", "1000"}}), std::pair(std::size_t{1'000}, true));
  EXPECT_EQ(list({{"q", "c109"}, {"limit", "11"}}), std::pair(std::size_t{11}, false));
  EXPECT_EQ(list({{"q", "nobody"}}), std::pair(std::size_t{0}, false));
  for (const char* wrong : {"0", "1001", "", "-1", "1e2", " 5", "99999999999999999999"}) {
    params_ = {{"limit", wrong}};
    expect_error(ask("GET", below("/connections")), 400);
  }
  for (const Params& wrong :
       {Params{{"limit", "1"}, {"limit", "2"}}, Params{{"q", ""}, {"q", ""}}, Params{{"page", "1"}}}) {
    params_ = wrong;
    expect_error(ask("GET", below("/connections")), 400);
  }
}

// ---- explain

TEST_F(ApiTest, AQuestionIsReadAndAnswered) {
  explanation_ = Explanation{.pipeline = "publish",
                             .steps = {{"mapper", "no route"}},
                             .records = {{"kafka", "up", std::nullopt, "any of 4", {{"h", "v"}}, 2}},
                             .outcome = Explanation::Outcome::Stored,
                             .text = "fine"};
  const Answer answer = ask("POST", below("/explain"), R"({"topic":"a/b","clientID":"c","username":"u","qos":2,
                                                           "retain":true,"payload":"xy","other":[]})");
  EXPECT_EQ(nlohmann::json::parse(answer.body), nlohmann::json::parse(R"({"pipeline": "publish",
    "steps": [{"filter": "mapper", "text": "no route"}],
    "records": [{"filter": "kafka", "topic": "up", "key": null, "partition": "any of 4",
                 "headers": [{"name": "h", "value": "v"}], "payloadBytes": 2}],
    "outcome": "stored", "text": "fine"})"));
  EXPECT_EQ(asked_.proxy, "mqttproxy");
  EXPECT_EQ(asked_.topic, "a/b");
  EXPECT_EQ(asked_.client_id, "c");
  EXPECT_EQ(asked_.username, "u");
  EXPECT_EQ(asked_.payload, "xy");
  EXPECT_EQ(asked_.qos, 2);
  EXPECT_TRUE(asked_.retain);
  (void)ask("POST", below("/explain"), R"({"topic":"a","clientID":null,"username":null})");
  EXPECT_EQ(asked_.client_id, "explain");
  EXPECT_FALSE(asked_.username);
  EXPECT_EQ(asked_.qos, 1);
}

TEST_F(ApiTest, AWrongQuestionIs400) {
  explanation_.emplace();
  for (const char* body :
       {"", "x", "[]", "\"t\"", R"({"topic":1})", R"({"topic":"t","qos":3})", R"({"topic":"t","qos":-1})",
        R"({"topic":"t","qos":1.5})", R"({"topic":"t","qos":4294967296})", R"({"topic":"t","retain":1})",
        R"({"topic":"t","clientID":{}})"}) {
    expect_error(ask("POST", below("/explain"), body), 400);
  }
  explanation_->problem = "topic: is no topic name";
  expect_error(ask("POST", below("/explain"), "{}"), 400);
  explanation_.reset();
  expect_error(ask("POST", below("/explain"), R"({"topic":"t"})"), 503);
}

// ---- errors

TEST_F(ApiTest, ErrorsByKind) {
  EXPECT_EQ(ask("GET", "/apis/v1/errors").body, R"({"kinds":[]})");
  const auto time = std::chrono::system_clock::from_time_t(1'767'225'600);
  recent_log_.note("kafka not ready", spdlog::level::warn, "kafka not ready \xff", time);
  EXPECT_EQ(ask("GET", "/apis/v2/errors").body,
            "{\"kinds\":[{\"kind\":\"kafka not ready\",\"count\":1,\"latest\":[{\"time\":\"2026-01-01T00:00:00Z\","
            "\"level\":\"warning\",\"text\":\"kafka not ready \uFFFD\"}]}]}");
}

// ---- publish

TEST_F(ApiTest, APublishIsAnsweredWithAnEmpty200) {
  const Answer answer = publish(R"({"topic":"t","qos":1,"payload":"data"})");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "");
  ASSERT_EQ(bus_.messages().size(), 1U);
  EXPECT_EQ(bus_.messages()[0].proxy, "mqttproxy");
}

TEST_F(ApiTest, OfABatchWithAMistakeNothingIsPublished) {
  expect_error(publish(R"([{"topic":"t"},{"topic":""}])"), 400);
  EXPECT_TRUE(bus_.messages().empty());
}

TEST_F(ApiTest, AFullBusIs503AndSaysHowFarItGot) {
  bus_.room = 2;
  const Answer answer =
      publish(R"([{"topic":"t","payload":"1"},{"topic":"t","payload":"2"},{"topic":"t","payload":"3"}])");
  expect_error(answer, 503);
  EXPECT_EQ(nlohmann::json::parse(answer.body).at("accepted"), 2);
  EXPECT_EQ(bus_.payloads(), (std::vector<std::string>{"1", "2"}));
}

TEST_F(ApiTest, WhileMemoryIsFullNothingIsPublished) {
  memory_full_ = true;
  const Answer answer = publish(R"({"topic":"t","payload":"1"})");
  expect_error(answer, 503);
  EXPECT_EQ(nlohmann::json::parse(answer.body).at("accepted"), 0);
  EXPECT_NE(answer.body.find("limits.maxMemory"), std::string::npos);
  EXPECT_TRUE(bus_.messages().empty());
  memory_full_ = false;
  EXPECT_EQ(publish(R"({"topic":"t","payload":"1"})").status, 200);
}

// ---- sessions

TEST_F(ApiTest, TheSessionsPublishedForm) {
  EXPECT_EQ(ask("GET", below("/session/query")).body, R"({"sessions":null})");
  downlink::SessionDetail session;
  session.node = "node1";
  session.filters = {{"q/w", mqtt::Qos::AtLeastOnce}};
  sessions_.sessions["sess"] = session;
  EXPECT_EQ(ask("GET", below("/session/query")).body,
            R"({"sessions":[{"sessionID":"sess","topic":"","connected":false,"node":"node1"}]})");
  EXPECT_EQ(query({{"page", "1"}, {"page_size", "10"}, {"q", "w"}}).body,
            R"({"sessions":[{"sessionID":"sess","topic":"q/w","connected":false,"node":"node1"}]})");
}

TEST_F(ApiTest, PagesOfTheSessions) {
  ten_sessions();
  EXPECT_EQ(count(ask("GET", below("/session/query"))), 10U);
  EXPECT_EQ(count(ask("GET", below("/session/query?"))), 10U);
  EXPECT_EQ(count(query({{"page", "1"}, {"page_size", "20"}, {"q", ""}})), 10U);
  EXPECT_EQ(count(query({{"page", "1"}, {"page_size", "8"}, {"q", ""}})), 8U);
  EXPECT_EQ(count(query({{"page", "2"}, {"page_size", "8"}})), 2U);
  EXPECT_EQ(count(query({{"page", "2"}, {"page_size", "20"}, {"q", ""}})), 0U);
  EXPECT_EQ(count(query({{"page", "1"}, {"page_size", "10"}, {"q", "233"}})), 0U);
  EXPECT_EQ(count(query({{"page", "1000000000"}, {"page_size", "1000000000"}})), 0U);
}

TEST_F(ApiTest, FilteringComesBeforePaging) {
  ten_sessions();
  const Answer answer = query({{"page", "1"}, {"page_size", "1"}, {"q", "unit/7"}});
  EXPECT_EQ(answer.body, R"({"sessions":[{"sessionID":"client7","topic":"unit/7","connected":false,"node":"node1"}]})");
  EXPECT_EQ(header(answer, "X-Total-Count"), "1");
  EXPECT_EQ(header(query({{"page", "3"}, {"page_size", "2"}, {"q", "topic"}}), "X-Total-Count"), "10");
}

TEST_F(ApiTest, AQueryNeedsBothNumbers) {
  ten_sessions();
  for (const Params& params :
       {Params{{"page", "1"}}, Params{{"page_size", "2"}}, Params{{"q", ""}}, Params{{"q", "topic"}},
        Params{{"x", "y"}}, Params{{"page", "0"}, {"page_size", "1"}}, Params{{"page", "1"}, {"page_size", "0"}},
        Params{{"page", "x"}, {"page_size", "1"}}, Params{{"page", "1"}, {"page_size", "-1"}},
        Params{{"page", "1x"}, {"page_size", "1"}}, Params{{"page", ""}, {"page_size", "1"}},
        Params{{"page", "1"}, {"page_size", "1000000001"}}, Params{{"page", "1"}, {"page", "2"}, {"page_size", "1"}},
        Params{{"page", "99999999999999999999"}, {"page_size", "1"}}}) {
    expect_error(query(params), 400);
  }
}

TEST_F(ApiTest, OneSessionInDetail) {
  downlink::SessionDetail session;
  session.client_id = "a/b";
  session.node = "node1";
  session.clean_session = false;
  session.connected = true;
  session.address = "192.0.2.1:50123";
  session.username = "user";
  session.keep_alive = 60;
  session.connected_since = std::chrono::system_clock::from_time_t(1'767'225'600);
  session.filters = {{"x/+", mqtt::Qos::AtLeastOnce}};
  session.inflight = 1;
  session.queued = 2;
  session.queued_bytes = 3;
  sessions_.sessions["a/b"] = session;
  EXPECT_EQ(nlohmann::json::parse(ask("GET", below("/sessions/a%2Fb")).body), nlohmann::json::parse(R"({
    "sessionID": "a/b", "node": "node1", "connected": true, "cleanSession": false, "address": "192.0.2.1:50123",
    "username": "user", "keepAlive": 60, "connectedSince": "2026-01-01T00:00:00Z", "expiresAt": null,
    "subscriptions": [{"filter": "x/+", "qos": 1}], "inflight": 1, "queued": 2, "queuedBytes": 3})"));
  expect_error(ask("GET", below("/sessions/nobody")), 404);
}

TEST_F(ApiTest, AnOfflineSessionHasAnEnd) {
  downlink::SessionDetail session;
  session.client_id = "a";
  session.expires_at = std::chrono::system_clock::from_time_t(1'767'225'601);
  sessions_.sessions["a"] = session;
  const auto body = nlohmann::json::parse(ask("GET", below("/sessions/a")).body);
  EXPECT_EQ(body.at("expiresAt"), "2026-01-01T00:00:01Z");
  for (const char* field : {"address", "username", "keepAlive", "connectedSince"})
    EXPECT_TRUE(body.at(field).is_null());
  EXPECT_EQ(body.at("subscriptions"), nlohmann::json::array());
}

TEST_F(ApiTest, DeletingSessions) {
  ten_sessions();
  const Answer answer = ask("DELETE", below("/sessions"),
                            R"({"sessions":[{"sessionID":"client1"},{"SessionId":"client2"},{"sessionID":"nobody"}]})");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "");
  EXPECT_EQ(sessions_.sessions.size(), 8U);
  for (const char* nothing : {"{}", R"({"sessions":null})", R"({"sessions":[]})", R"({"sessions":[{}],"x":1})"}) {
    EXPECT_EQ(ask("DELETE", below("/sessions"), nothing).status, 200) << nothing;
  }
  EXPECT_EQ(sessions_.sessions.size(), 8U);
}

TEST_F(ApiTest, DeletingNeedsTheRightForm) {
  ten_sessions();
  for (const char* body :
       {"", "x", "null", "[]", R"("client1")", R"({"sessions":"client1"})", R"({"sessions":["client1"]})",
        R"({"sessions":[{"sessionID":1}]})", R"({"sessions":[{"sessionID":"client1"},{"sessionID":[]}]})",
        R"({"sessions":[{"sessionID":"client1"}]} x)"}) {
    expect_error(ask("DELETE", below("/sessions"), body), 400);
  }
  EXPECT_EQ(sessions_.sessions.size(), 10U);
}

TEST_F(ApiTest, WorkersThatDoNotAnswerAre503) {
  sessions_.answers = false;
  expect_error(ask("GET", below("/session/query")), 503);
  expect_error(ask("GET", below("/sessions/a")), 503);
  expect_error(ask("GET", below("/connections")), 503);
  expect_error(ask("DELETE", below("/sessions"), R"({"sessions":[{"sessionID":"a"}]})"), 503);
}

TEST_F(ApiTest, AReloadSaysWhatIsWrongWithTheFile) {
  expect_error(ask("POST", "/apis/v1/reload"), 503);  // the daemon is stopping

  const auto diagnostics = std::make_shared<config::Diagnostics>("f");
  reloaded_ = diagnostics;
  diagnostics->warning({3, 1}, "Node n: name", "odd");
  const Answer good = ask("POST", "/apis/v2/reload");
  EXPECT_EQ(good.status, 200);
  EXPECT_EQ(nlohmann::json::parse(good.body),
            nlohmann::json::parse(
                R"({"reloaded":true,"warnings":[{"line":3,"column":1,"path":"Node n: name","text":"odd"}]})"));

  diagnostics->error({9, 5}, "Node n: threads", "\xff is too many");
  const Answer bad = ask("POST", "/apis/v1/reload");
  expect_error(bad, 422);
  const auto error = nlohmann::json::parse(bad.body).at("errors").at(0);
  EXPECT_EQ(error.at("line"), 9);
  EXPECT_EQ(error.at("path"), "Node n: threads");
}

TEST_F(ApiTest, AReloadIsAPostOfWhoeverHasTheToken) {
  expect_error(ask("GET", "/apis/v1/reload"), 400);
  origin_ = "http://example.org";
  expect_error(ask("POST", "/apis/v1/reload"), 403);
  config_.token = "secret";
  expect_error(ask("POST", "/apis/v1/reload"), 401);
}

}  // namespace
}  // namespace mqttproxy::http::testing
