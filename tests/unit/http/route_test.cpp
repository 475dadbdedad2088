#include "http/route.hpp"

#include <gtest/gtest.h>

namespace mqttproxy::http {
namespace {

Route route(std::string_view target) {
  return parse_target(target).route;
}

TEST(ParseTarget, ProcessResourcesStandAtTheTopAndBelowBothPrefixes) {
  for (const char* prefix : {"", "/apis/v1", "/apis/v2"}) {
    const std::string base = prefix;
    EXPECT_EQ(route(base + "/healthz"), Route::Healthz);
    EXPECT_EQ(route(base + "/healthz/"), Route::Healthz);
    EXPECT_EQ(route(base + "/readyz?verbose"), Route::Readyz);
    EXPECT_EQ(route(base + "/metrics"), Route::Metrics);
    EXPECT_EQ(route(base + "/reload"), base.empty() ? Route::Unknown : Route::Reload);
    EXPECT_EQ(route(base + "/errors"), base.empty() ? Route::Unknown : Route::Errors);
    EXPECT_EQ(route(base + "/mqttproxy"), base.empty() ? Route::Unknown : Route::Proxies);
    EXPECT_EQ(route(base + "/mqttproxy/"), base.empty() ? Route::Unknown : Route::Proxies);
    EXPECT_EQ(route(base + "/"), base.empty() ? Route::Page : Route::Unknown);
  }
}

TEST(ParseTarget, ProxyResourcesStandBelowBothPrefixesOnly) {
  for (const char* prefix : {"/apis/v1", "/apis/v2"}) {
    const std::string base = prefix + std::string("/mqttproxy/name");
    EXPECT_EQ(route(base + "/topics/publish"), Route::Publish);
    EXPECT_EQ(route(base + "/topics/publish/"), Route::Publish);
    EXPECT_EQ(route(base + "/session/query?page=1&page_size=2"), Route::SessionQuery);
    EXPECT_EQ(route(base + "/sessions"), Route::Sessions);
    EXPECT_EQ(route(base + "/sessions/"), Route::Sessions);
    EXPECT_EQ(route(base + "/sessions/a"), Route::Session);
    EXPECT_EQ(route(base + "/connections?q=a&limit=5"), Route::Connections);
    EXPECT_EQ(route(base + "/explain"), Route::Explain);
    EXPECT_EQ(parse_target(base + "/sessions").proxy, "name");
  }
  EXPECT_EQ(route("/mqttproxy/name/topics/publish"), Route::Unknown);
}

TEST(ParseTarget, NamesAndClientIdsAreDecoded) {
  const Target target = parse_target("/apis/v1/mqttproxy/a%7Eb%C3%BC/sessions/x%2Fy%20z");
  EXPECT_EQ(target.proxy, "a~bü");
  EXPECT_EQ(target.client_id, "x/y z");
}

TEST(ParseTarget, AClientIdMayHoldSlashes) {
  EXPECT_EQ(parse_target("/apis/v1/mqttproxy/p/sessions/a/b/").client_id, "a/b/");
  EXPECT_EQ(parse_target("/apis/v1/mqttproxy/p/sessions//").client_id, "/");
  EXPECT_EQ(parse_target("/apis/v1/mqttproxy/p/sessions/topics/publish").route, Route::Session);
}

TEST(ParseTarget, APathHasOneSpelling) {
  for (const char* target : {"//",
                             "/index.html",
                             "/mqttproxy",
                             "/errors",
                             "//healthz",
                             "/healthz//",
                             "/Healthz",
                             "/%68ealthz",
                             "/x/../healthz",
                             "/./healthz",
                             "/healthz;x",
                             "/healthz.",
                             "/healthzz",
                             "/apis/v3/healthz",
                             "/apis/v1",
                             "/apis/v1/",
                             "/apis/v1healthz",
                             "/apis/v1/apis/v1/healthz",
                             "/apis/v1/mqttproxy//",
                             "/apis/v1/mqttproxy/p",
                             "/apis/v1/mqttproxy/p/",
                             "/apis/v1/mqttproxy/p/topics",
                             "/apis/v1/mqttproxy/p/topics/publish/x",
                             "/apis/v1/mqttproxy/p/topics%2Fpublish",
                             "/apis/v1/mqttproxy/p/session/query/x",
                             "/apis/v1/mqttproxy/p/sessions/%",
                             "/apis/v1/mqttproxy/%zz/sessions",
                             "/apis/v1/metrics/../healthz"}) {
    EXPECT_EQ(route(target), Route::Unknown) << target;
  }
}

TEST(PercentDecode, TakesTwoHexDigitsAfterEveryPercent) {
  EXPECT_EQ(percent_decode("a%20b%2f%2F+%00"), std::string("a b//+\0", 7));
  EXPECT_EQ(percent_decode(""), "");
  for (const char* wrong : {"%", "%2", "a%2", "%zz", "%2z", "%+2", "%-2", "%%20", "% 2"}) {
    EXPECT_FALSE(percent_decode(wrong)) << wrong;
  }
}

}  // namespace
}  // namespace mqttproxy::http
