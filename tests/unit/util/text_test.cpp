#include "mqttproxy/util/text.hpp"

#include <array>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace mqttproxy::util {
namespace {

// ---- printable

TEST(Printable, LeavesOrdinaryTextAlone) {
  for (const char* text : {"", "client-1", "a b c", "gateway/gate123/log", "grüße €5 😀", "~!@#$%^&*()'<>"}) {
    EXPECT_EQ(printable(text), text);
  }
}

// A line that a device could end, or a quoted field it could close, would be a forged log line.
TEST(Printable, NothingEndsTheLineOrTheQuotes) {
  EXPECT_EQ(printable("a\nb\r\tc"), R"(a\x0ab\x0d\x09c)");
  EXPECT_EQ(printable("say \"hi\""), R"(say \x22hi\x22)");
  EXPECT_EQ(printable(R"(C:\x0a)"), R"(C:\x5cx0a)");
  EXPECT_EQ(printable(std::string_view("a\0b", 3)), R"(a\x00b)");
  EXPECT_EQ(printable("\x1b[31m\x7f"), R"(\x1b[31m\x7f)");
}

TEST(Printable, EveryControlCharacterIsEscaped) {
  for (unsigned b = 0; b < 0x20; ++b) {
    EXPECT_EQ(printable(std::string(1, static_cast<char>(b))).substr(0, 2), "\\x") << b;
  }
  for (unsigned b = 0x80; b < 0xA0; ++b) {  // C1: a terminal may take U+009B for an escape sequence
    const std::string c1 = {'\xC2', static_cast<char>(b)};
    EXPECT_EQ(printable(c1).substr(0, 6), R"(\xc2\x)") << b;
  }
  EXPECT_EQ(printable("\xC2\xA0"), "\xC2\xA0");
}

TEST(Printable, UnicodeLineSeparatorsAreEscaped) {
  EXPECT_EQ(printable("\xE2\x80\xA8"), R"(\xe2\x80\xa8)");
  EXPECT_EQ(printable("\xE2\x80\xA9"), R"(\xe2\x80\xa9)");
  EXPECT_EQ(printable("\xE2\x80\xA7"), "\xE2\x80\xA7");
}

TEST(Printable, BytesThatAreNotUtf8AreEscaped) {
  EXPECT_EQ(printable("\xFF"), R"(\xff)");
  EXPECT_EQ(printable("\x80"), R"(\x80)");
  EXPECT_EQ(printable("\xC0\xAF"), R"(\xc0\xaf)");                  // overlong
  EXPECT_EQ(printable("\xE0\x80\xAF"), R"(\xe0\x80\xaf)");          // overlong
  EXPECT_EQ(printable("\xED\xA0\x80"), R"(\xed\xa0\x80)");          // surrogate
  EXPECT_EQ(printable("\xF0\x8F\xBF\xBF"), R"(\xf0\x8f\xbf\xbf)");  // overlong
  EXPECT_EQ(printable("\xF4\x90\x80\x80"), R"(\xf4\x90\x80\x80)");  // beyond U+10FFFF
  EXPECT_EQ(printable("\xF5\x80\x80\x80"), R"(\xf5\x80\x80\x80)");
}

TEST(Printable, TextAfterACutSequenceIsReadOn) {
  EXPECT_EQ(printable("\xE2\x82\"x"), R"(\xe2\x82\x22x)");
  EXPECT_EQ(printable("a\xF0\x9F\x98"), R"(a\xf0\x9f\x98)");
  EXPECT_EQ(printable("\xC3"), R"(\xc3)");
}

TEST(Printable, BoundaryCharactersAreText) {
  for (const char* text : {"\xC2\xA0", "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xEE\x80\x80", "\xEF\xBF\xBF",
                           "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"}) {
    EXPECT_EQ(printable(text), text);
  }
}

TEST(Printable, LongTextIsCut) {
  EXPECT_EQ(printable("abcd", 4), "abcd");
  EXPECT_EQ(printable("abcde", 4), "abcd…");
  EXPECT_EQ(printable("abc", 0), "…");
  EXPECT_EQ(printable("", 0), "");
  EXPECT_EQ(printable(std::string(256, 'x')), std::string(256, 'x'));
  EXPECT_EQ(printable(std::string(257, 'x')), std::string(256, 'x') + "…");
}

// The limit falls into a character: that one is left out, not shown as garbage that the device never sent.
TEST(Printable, TheCutNeverSplitsACharacter) {
  EXPECT_EQ(printable("a€b", 2), "a…");
  EXPECT_EQ(printable("a€b", 3), "a…");
  EXPECT_EQ(printable("a€b", 4), "a€…");
  EXPECT_EQ(printable("😀😀", 7), "😀…");
  EXPECT_EQ(printable("\x80\x80\x80\x80\x80", 3), R"(\x80\x80\x80…)");
}

// ---- nearest

constexpr std::array<std::string_view, 5> kKeys = {"port", "useTLS", "certificate", "maxAllowedConnection", "rules"};

TEST(Nearest, FindsASlipOfTheKeyboard) {
  EXPECT_EQ(nearest("prot", kKeys), "");  // two edits in four letters are too far
  EXPECT_EQ(nearest("por", kKeys), "port");
  EXPECT_EQ(nearest("ports", kKeys), "port");
  EXPECT_EQ(nearest("pord", kKeys), "port");
  EXPECT_EQ(nearest("certficate", kKeys), "certificate");
  EXPECT_EQ(nearest("maxAllowedConections", kKeys), "maxAllowedConnection");
}

TEST(Nearest, IgnoresLetterCase) {
  EXPECT_EQ(nearest("usetls", kKeys), "useTLS");
  EXPECT_EQ(nearest("MAXALLOWEDCONNECTION", kKeys), "maxAllowedConnection");
}

TEST(Nearest, GivesUpBeyondAThird) {
  EXPECT_EQ(nearest("retries", kKeys), "");
  EXPECT_EQ(nearest("abcdef", std::array<std::string_view, 1>{"abcdxy"}), "abcdxy");  // 2 of 6
  EXPECT_EQ(nearest("abcdef", std::array<std::string_view, 1>{"abcxyz"}), "");        // 3 of 6
}

// One letter may always be wrong, but something of the word must be left.
TEST(Nearest, ShortWords) {
  EXPECT_EQ(nearest("qo", std::array<std::string_view, 1>{"qos"}), "qos");
  EXPECT_EQ(nearest("x", std::array<std::string_view, 1>{"y"}), "");
  EXPECT_EQ(nearest("", std::array<std::string_view, 1>{"y"}), "");
}

TEST(Nearest, PrefersTheNearerThenTheFirst) {
  EXPECT_EQ(nearest("topic", std::array<std::string_view, 2>{"topics", "topic"}), "topic");
  EXPECT_EQ(nearest("topix", std::array<std::string_view, 2>{"topic", "topia"}), "topic");
  EXPECT_EQ(nearest("topic", {}), "");
}

// ---- join

TEST(Join, PutsTheSeparatorBetween) {
  const std::vector<std::string_view> words = {"a", "b", "c"};
  EXPECT_EQ(join(words), "a, b, c");
  EXPECT_EQ(join(words, "|"), "a|b|c");
  EXPECT_EQ(join(std::vector<std::string_view>{"a"}), "a");
  EXPECT_EQ(join({}), "");
}

TEST(Join, EmptyWordsAreWordsToo) {
  EXPECT_EQ(join(std::vector<std::string_view>{"", "b"}), ", b");
  EXPECT_EQ(join(std::vector<std::string_view>{"", "", ""}, "/"), "//");
}

}  // namespace
}  // namespace mqttproxy::util
