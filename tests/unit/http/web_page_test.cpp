#include "http/web_page.hpp"

#include <gtest/gtest.h>

namespace mqttproxy::http {
namespace {

bool passes(std::string_view host, std::optional<std::string_view> origin, const config::ApiConfig& config = {}) {
  return web_page_problem(host, origin, config).empty();
}

TEST(WebPage, OursIsOneOfTheAddressThatIsAsked) {
  for (const char* host :
       {"127.0.0.1:2381", "localhost:2381", "LocalHost:2381", "192.0.2.7", "[::1]:2381", "[2001:db8::1]"}) {
    EXPECT_TRUE(passes(host, std::nullopt)) << host;
    EXPECT_TRUE(passes(host, "http://" + std::string(host))) << host;
  }
}

TEST(WebPage, AnotherOneIsRefused) {
  for (const char* origin :
       {"", "null", "http://example.org", "http://example.org:2381", "http://127.0.0.1", "http://127.0.0.1:8080",
        "http://127.0.0.1:23810", "https://127.0.0.1:2381", "http://localhost:2381", "127.0.0.1:2381", "http://",
        "http://127.0.0.1:2381/", "http://127.0.0.1:2381.example.org", "http://a@127.0.0.1:2381"}) {
    EXPECT_FALSE(passes("127.0.0.1:2381", origin)) << origin;
  }
}

// A page of http://example.org:2381, whose owner lets the name point to 127.0.0.1 after it was read.
TEST(WebPage, ANameThatPointsHereIsRefused) {
  for (const char* host : {"example.org:2381", "example.org", "127.0.0.1.example.org", "localhost.example.org", "127.1",
                           "0x7f000001", "2130706433", "[::1", "[localhost", "[", ":2381", "x"}) {
    EXPECT_FALSE(passes(host, std::nullopt)) << host;
    EXPECT_FALSE(passes(host, "http://" + std::string(host))) << host;
  }
}

TEST(WebPage, WhereNamesAreExpectedOnlyReadingIsPossible) {
  config::ApiConfig config;
  config.insecure = true;
  EXPECT_TRUE(passes("mqttproxy.example:2381", std::nullopt, config));
  EXPECT_FALSE(passes("mqttproxy.example:2381", "http://mqttproxy.example:2381", config));
}

TEST(WebPage, ACertificateIsForNoNameOfAStranger) {
  config::ApiConfig config;
  config.tls.emplace();
  EXPECT_TRUE(passes("mqttproxy.example", std::nullopt, config));
  EXPECT_TRUE(passes("mqttproxy.example", "https://mqttproxy.example", config));
  EXPECT_FALSE(passes("mqttproxy.example", "http://mqttproxy.example", config));
  EXPECT_FALSE(passes("mqttproxy.example", "https://example.org", config));
}

TEST(WebPage, Http10HasNoHostAndIsNoBrowsers) {
  EXPECT_TRUE(passes("", std::nullopt));
  EXPECT_FALSE(passes("", "http://"));
}

}  // namespace
}  // namespace mqttproxy::http
