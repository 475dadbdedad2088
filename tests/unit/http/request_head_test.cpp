#include "http/request_head.hpp"

#include <random>

#include <gtest/gtest.h>

namespace mqttproxy::http {
namespace {

constexpr std::string_view kHost = "Host: test\r\n";

std::string head(std::string_view lines, std::string_view request_line = "POST /path HTTP/1.1") {
  return std::string(request_line) + "\r\n" + std::string(kHost) + std::string(lines) + "\r\n";
}

RequestHead parsed(const std::string& text) {
  auto result = parse_head(text);
  const auto* const refusal = std::get_if<Refusal>(&result);
  EXPECT_EQ(refusal, nullptr) << text << (refusal == nullptr ? "" : refusal->message);
  return refusal == nullptr ? std::get<RequestHead>(std::move(result)) : RequestHead{};
}

/// The status of the refusal, 0 when there is none.
int refused(const std::string& text) {
  const auto result = parse_head(text);
  const auto* const refusal = std::get_if<Refusal>(&result);
  return refusal == nullptr ? 0 : refusal->status;
}

TEST(HeadLength, EndsWithTheFirstEmptyLine) {
  EXPECT_EQ(head_length("GET / HTTP/1.1\r\n"), std::nullopt);
  EXPECT_EQ(head_length("GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n"), 18U);
  EXPECT_EQ(head_length("a\n\n"), std::nullopt);
}

TEST(ParseHead, ReadsWhatMatters) {
  const RequestHead read = parsed(
      head("authorization:Bearer x \r\nContent-Length: 12\r\nEXPECT: 100-Continue\r\nOrigin: null\r\nX-Other: \r\n",
           "DELETE /a%20b?c=d HTTP/1.1"));
  EXPECT_EQ(read.method, "DELETE");
  EXPECT_EQ(read.target, "/a%20b?c=d");
  EXPECT_EQ(read.authorization, "Bearer x");
  EXPECT_EQ(read.content_length, 12U);
  EXPECT_TRUE(read.expects_continue);
  EXPECT_EQ(read.origin, "null");
  EXPECT_EQ(read.host, "test");
  EXPECT_TRUE(read.keep_alive);
  EXPECT_FALSE(read.chunked);
}

TEST(ParseHead, ConnectionIsAList) {
  EXPECT_FALSE(parsed(head("Connection: close\r\n")).keep_alive);
  EXPECT_FALSE(parsed(head("Connection: x , CLOSE\r\n")).keep_alive);
  EXPECT_FALSE(parsed(head("Connection: keep-alive\r\nConnection: close\r\n")).keep_alive);
  EXPECT_TRUE(parsed(head("Connection: closed, upgrade,\r\n")).keep_alive);
}

TEST(ParseHead, Http10NeedsNoHostAndEndsTheConnection) {
  const RequestHead read = parsed("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_FALSE(read.keep_alive);
}

TEST(ParseHead, HasABodyWhenItSaysSo) {
  EXPECT_FALSE(parsed(head("")).has_body());
  EXPECT_FALSE(parsed(head("Content-Length: 0\r\n")).has_body());
  EXPECT_TRUE(parsed(head("Content-Length: 1\r\n")).has_body());
  EXPECT_TRUE(parsed(head("Transfer-Encoding: Chunked\r\n")).has_body());
}

TEST(ParseHead, TwoReadersMustNotDisagreeAboutTheBody) {
  EXPECT_EQ(refused(head("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n")), 400);
  EXPECT_EQ(refused(head("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n")), 400);
  EXPECT_EQ(refused(head("Content-Length: 5\r\nContent-Length: 5\r\n")), 400);
  EXPECT_EQ(refused(head("Content-Length: 5\r\ncontent-length: 6\r\n")), 400);
  for (const char* length : {"", "5, 5", "+5", "-5", "0x5", "5 5", "5.0", "٥"}) {
    EXPECT_EQ(refused(head("Content-Length: " + std::string(length) + "\r\n")), 400) << length;
  }
  EXPECT_EQ(refused(head("Content-Length: 99999999999999999999\r\n")), 413);
  for (const char* coding : {"gzip", "chunked, chunked", "gzip, chunked", "chunked;x", "xchunked", "identity", ""}) {
    EXPECT_EQ(refused(head("Transfer-Encoding: " + std::string(coding) + "\r\n")), 501) << coding;
  }
  EXPECT_EQ(refused(head("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n")), 400);
  EXPECT_EQ(refused(head("Transfer-Encoding: chunked\r\n", "POST / HTTP/1.0")), 400);
}

TEST(ParseHead, TwoReadersMustNotDisagreeAboutTheLines) {
  EXPECT_EQ(refused(head("Content-Length : 5\r\n")), 400);
  EXPECT_EQ(refused(head(" Content-Length: 5\r\n")), 400);
  EXPECT_EQ(refused(head("A: b\r\n continued\r\n")), 400);
  EXPECT_EQ(refused(head("A: b\nContent-Length: 5\r\n")), 400);
  EXPECT_EQ(refused(head("A: b\rContent-Length: 5\r\n")), 400);
  EXPECT_EQ(refused(head(std::string("A: b\0c\r\n", 8))), 400);
  EXPECT_EQ(refused(head("nonsense\r\n")), 400);
  EXPECT_EQ(refused(head(": x\r\n")), 400);
}

TEST(ParseHead, ThereIsOneHostAndOneAuthorization) {
  EXPECT_EQ(refused("GET / HTTP/1.1\r\n\r\n"), 400);
  EXPECT_EQ(refused(head(kHost)), 400);
  EXPECT_EQ(refused(head("Authorization: a\r\nAuthorization: b\r\n")), 400);
}

TEST(ParseHead, RequestLines) {
  for (const char* line :
       {"", "GET", "GET /", "GET  / HTTP/1.1", "GET / HTTP/1.1 ", " GET / HTTP/1.1", "GET /a b HTTP/1.1",
        "GET http://a/ HTTP/1.1", "GET * HTTP/1.1", "GET a HTTP/1.1", "GET /# HTTP/1.1", "GET /\x01 HTTP/1.1",
        "GET /\xC3\xBC HTTP/1.1", "GET /a?b?c HTTP/1.1", "G(T / HTTP/1.1", "\tGET / HTTP/1.1"}) {
    EXPECT_NE(refused(head("", line)), 0) << line;
  }
  for (const char* line : {"GET / HTTP/2.0", "GET / HTTP/1.2", "GET / http/1.1", "GET / HTTP/1.10", "GET / X"}) {
    EXPECT_EQ(refused(head("", line)), 505) << line;
  }
  EXPECT_EQ(parsed(head("", "FETCH / HTTP/1.1")).method, "FETCH");
}

TEST(ParseHead, WhatWeCannotDo) {
  EXPECT_EQ(refused(head("Expect: 200-maybe\r\n")), 417);
  EXPECT_EQ(refused(head("Content-Encoding: gzip\r\n")), 415);
  EXPECT_EQ(refused(head("Content-Encoding: identity\r\n")), 0);
}

TEST(ParseHead, Limits) {
  EXPECT_EQ(refused(head("", "GET /" + std::string(kMaxTargetBytes - 1, 'x') + " HTTP/1.1")), 0);
  EXPECT_EQ(refused(head("", "GET /" + std::string(kMaxTargetBytes, 'x') + " HTTP/1.1")), 414);
  std::string lines;
  for (std::size_t i = 1; i < kMaxHeaders; ++i) lines += "A: b\r\n";  // Host is the first
  EXPECT_EQ(refused(head(lines)), 0);
  EXPECT_EQ(refused(head(lines + "A: b\r\n")), 431);
  EXPECT_EQ(head_too_large("GET /xxxxx").status, 414);
  EXPECT_EQ(head_too_large("GET / HTTP/1.1\r\nA: bbbb").status, 431);
}

// What passes has the one meaning that RFC 9112 gives it.
TEST(ParseHead, RandomHeadsAreRefusedOrUnambiguous) {
  std::mt19937 random(20'260'102);  // the same every time
  const auto below = [&random](std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(random); };
  static constexpr std::string_view kParts[] = {"GET ",
                                                "POST ",
                                                "/",
                                                "/a",
                                                " HTTP/1.1",
                                                " HTTP/1.0",
                                                "\r\n",
                                                "\n",
                                                "\r",
                                                " ",
                                                "\t",
                                                ":",
                                                ",",
                                                "Host: a\r\n",
                                                "Content-Length: 1\r\n",
                                                "Content-Length: 2\r\n",
                                                "Transfer-Encoding: chunked\r\n",
                                                "Connection: close\r\n",
                                                "x",
                                                "\xFF"};
  std::size_t passed = 0;
  for (int i = 0; i < 100'000; ++i) {
    std::string text = i % 2 == 0 ? "GET /a HTTP/1.1\r\nHost: a\r\n" : "";
    for (std::size_t n = below(8); n != 0; --n) text += kParts[below(std::size(kParts))];
    text += "\r\n\r\n";
    text.resize(*head_length(text));
    const auto result = parse_head(text);
    const auto* const read = std::get_if<RequestHead>(&result);
    if (read == nullptr) continue;
    ++passed;
    EXPECT_TRUE(read->target.starts_with('/')) << text;
    EXPECT_FALSE(read->chunked && read->content_length != 0) << text;
    EXPECT_EQ(text.find("\n\n"), std::string::npos) << text;
    std::size_t framing = 0;
    for (const std::string_view line : {"\r\nContent-Length: ", "\r\nTransfer-Encoding: "}) {
      for (std::size_t at = 0; (at = text.find(line, at)) != std::string::npos; ++at) ++framing;
    }
    EXPECT_LE(framing, 1U) << text;
  }
  EXPECT_GT(passed, 1'000U);
}

}  // namespace
}  // namespace mqttproxy::http
