#include "mqttproxy/mqtt/topic.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace mqttproxy::mqtt {
namespace {

constexpr std::size_t kLevels = 128;

/// `code_point` in a sequence of exactly `length` bytes, well-formed or not.
std::string sequence(std::uint32_t code_point, std::size_t length) {
  static constexpr std::array<std::uint32_t, 5> kLead = {0, 0, 0xC0, 0xE0, 0xF0};
  std::string out(length, '\0');
  for (std::size_t i = length - 1; i > 0; --i) {
    out[i] = static_cast<char>(0x80U | (code_point & 0x3FU));
    code_point >>= 6U;
  }
  out[0] = static_cast<char>(kLead[length] | code_point);
  return out;
}

void expect_utf8(std::uint32_t code_point, std::size_t length) {
  static constexpr std::array<std::uint32_t, 5> kSmallest = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = code_point >= 0xD800U && code_point <= 0xDFFFU;
  const bool expected = code_point >= kSmallest[length] && code_point <= 0x10FFFFU && !surrogate;
  ASSERT_EQ(is_mqtt_utf8(sequence(code_point, length)), expected) << std::hex << code_point << " in " << length;
}

TEST(MqttUtf8, EverySingleByte) {
  for (unsigned b = 0; b < 256; ++b) {
    EXPECT_EQ(is_mqtt_utf8(std::string(1, static_cast<char>(b))), b >= 1 && b < 0x80) << b;
  }
}

// [MQTT-1.5.3-1] surrogates and ill-formed (here: overlong, beyond U+10FFFF) sequences
TEST(MqttUtf8, EveryTwoAndThreeByteSequence_MQTT_1_5_3_1) {
  for (std::uint32_t c = 0; c < 1U << 11U; ++c) expect_utf8(c, 2);
  for (std::uint32_t c = 0; c < 1U << 16U; ++c) expect_utf8(c, 3);
}

TEST(MqttUtf8, FourByteSequencesAndTheirBounds_MQTT_1_5_3_1) {
  for (std::uint32_t c = 0; c < 1U << 21U; c += 61) expect_utf8(c, 4);
  for (const std::uint32_t c : {0x0U, 0xFFFFU, 0x10000U, 0xD800U, 0x10FFFFU, 0x110000U, 0x1FFFFFU}) expect_utf8(c, 4);
}

TEST(MqttUtf8, CutSequencesAreIllFormed_MQTT_1_5_3_1) {
  for (const std::string& whole : {sequence(0xE4, 2), sequence(0x20AC, 3), sequence(0x1F600, 4)}) {
    ASSERT_TRUE(is_mqtt_utf8(whole));
    for (std::size_t cut = 1; cut < whole.size(); ++cut) {
      const std::vector<char> exact(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(cut));
      EXPECT_FALSE(is_mqtt_utf8({exact.data(), exact.size()}));  // the sanitizer sees a look beyond the end
      EXPECT_FALSE(is_mqtt_utf8(whole.substr(cut)));
      EXPECT_FALSE(is_mqtt_utf8(whole.substr(0, cut) + "a/b/c/d/e/f"));
    }
  }
}

TEST(MqttUtf8, BytesThatNeverOccur_MQTT_1_5_3_1) {
  for (const unsigned b : {0x80U, 0xBFU, 0xC0U, 0xC1U, 0xF5U, 0xF8U, 0xFCU, 0xFEU, 0xFFU}) {
    EXPECT_FALSE(is_mqtt_utf8(static_cast<char>(b) + std::string("\x80\x80\x80\x80\x80"))) << b;
  }
}

// The fast path takes eight bytes: a bad byte must be seen at every offset, in the words and in the rest.
TEST(MqttUtf8, NulIsSeenAtEveryOffset_MQTT_1_5_3_2) {
  for (std::size_t size = 1; size <= 25; ++size) {
    EXPECT_TRUE(is_mqtt_utf8(std::string(size, 'x')));
    for (std::size_t at = 0; at < size; ++at) {
      std::string text(size, 'x');
      text[at] = '\0';
      EXPECT_FALSE(is_mqtt_utf8(text)) << at << " of " << size;
      text[at] = '\xFF';
      EXPECT_FALSE(is_mqtt_utf8(text)) << at << " of " << size;
    }
  }
}

TEST(MqttUtf8, MultiByteCharactersAtEveryOffset) {
  for (std::size_t before = 0; before <= 17; ++before) {
    for (std::size_t after = 0; after <= 17; ++after) {
      const std::string text = std::string(before, 'a') + sequence(0x1F600, 4) + std::string(after, 'b');
      EXPECT_TRUE(is_mqtt_utf8(text)) << before << ' ' << after;
    }
  }
}

// [MQTT-1.5.3-3] U+FEFF is a character like any other. Control and non-characters may be refused, and are not.
TEST(MqttUtf8, ByteOrderMarkAndControlsAreCharacters_MQTT_1_5_3_3) {
  EXPECT_TRUE(is_mqtt_utf8("\xEF\xBB\xBF"));
  EXPECT_TRUE(is_mqtt_utf8("\xEF\xBF\xBF"));
  EXPECT_TRUE(is_mqtt_utf8("\x01\x7F\xC2\x80"));
  EXPECT_TRUE(is_mqtt_utf8(""));
}

TEST(TopicName, AcceptsWhatSection47Allows) {
  for (const char* name :
       {"a", "/", "//", "/finance", "finance/", "/finance/bank/", "a b/c", "$SYS/uptime", "ACCOUNTS"}) {
    EXPECT_TRUE(is_topic_name(name, kLevels)) << name;
  }
}

TEST(TopicName, RefusesTheEmptyName_MQTT_4_7_3_1) {
  EXPECT_FALSE(is_topic_name("", kLevels));
}

TEST(TopicName, RefusesWildcardsAtEveryOffset_MQTT_3_3_2_2) {
  for (std::size_t size = 1; size <= 25; ++size) {
    for (std::size_t at = 0; at < size; ++at) {
      for (const char wildcard : {'+', '#'}) {
        std::string name(size, 'x');
        name[at] = wildcard;
        EXPECT_FALSE(is_topic_name(name, kLevels)) << name;
      }
    }
  }
}

// The neighbours of '/', '+' and '#' in ASCII, so that the word-wise comparison is exact.
TEST(TopicName, NeighboursOfTheSpecialCharactersAreOrdinary) {
  EXPECT_TRUE(is_topic_name("\"$*,.0\"$*,.0\"$*,.0\x7F\x01", 1));
}

TEST(TopicName, RefusesIllFormedText) {
  EXPECT_FALSE(is_topic_name("a/\xC0\x80", kLevels));
  EXPECT_FALSE(is_topic_name(std::string_view("a\0b", 3), kLevels));  // [MQTT-4.7.3-2]
}

TEST(TopicName, LevelsHaveALimit) {
  for (const std::size_t levels : {1U, 2U, 8U, 9U, 64U, 128U}) {
    const std::string slashes(levels - 1, '/');
    const std::string name = "x" + slashes;
    EXPECT_TRUE(is_topic_name(name, levels)) << levels;
    EXPECT_FALSE(is_topic_name(name + "/", levels)) << levels;
  }
}

TEST(TopicFilter, AcceptsEveryLegalUseOfWildcards) {
  for (const char* filter : {"#",
                             "+",
                             "+/+",
                             "/+",
                             "+/",
                             "+/#",
                             "/#",
                             "sport/#",
                             "sport/tennis/player1/#",
                             "sport/tennis/+",
                             "+/tennis/#",
                             "sport/+/player1",
                             "/finance",
                             "/",
                             "finance/",
                             "//",
                             "/finance/bank/",
                             "finance/+/bank/#",
                             "/+/sport/+/player1/+/score",
                             "/sport/ball/player1/score",
                             "/sport/ball/player1/score/+/wimbledon/#",
                             "$SYS/#"}) {
    EXPECT_TRUE(is_topic_filter(filter, kLevels)) << filter;
  }
}

TEST(TopicFilter, RefusesTheEmptyFilter_MQTT_4_7_3_1) {
  EXPECT_FALSE(is_topic_filter("", kLevels));
}

TEST(TopicFilter, HashIsLastAndAlone_MQTT_4_7_1_2) {
  for (const char* filter : {"#/sport", "sport#", "/#/sport", "sport/tennis#", "sport/tennis/#/ranking", "##", "#/",
                             "#+", "+#", "a/#b", "/##"}) {
    EXPECT_FALSE(is_topic_filter(filter, kLevels)) << filter;
  }
}

TEST(TopicFilter, PlusIsAlone_MQTT_4_7_1_3) {
  for (const char* filter : {"/+/++/+finance", "sport+", "+sport", "++", "a/b/++", "/a/b/++", "a/+b/c", "a/b+/c"}) {
    EXPECT_FALSE(is_topic_filter(filter, kLevels)) << filter;
  }
}

TEST(TopicFilter, LevelsHaveALimit) {
  EXPECT_TRUE(is_topic_filter("a/+/#", 3));
  EXPECT_FALSE(is_topic_filter("a/+/#", 2));
  EXPECT_TRUE(is_topic_filter("#", 1));
  EXPECT_FALSE(is_topic_filter("/", 1));
}

TEST(LevelCount, IsSeparatorsPlusOne) {
  EXPECT_EQ(level_count(""), 1U);
  EXPECT_EQ(level_count("#"), 1U);
  EXPECT_EQ(level_count("/"), 2U);
  EXPECT_EQ(level_count("a/b"), 2U);
  EXPECT_EQ(level_count("finance/"), 2U);
  EXPECT_EQ(level_count("//"), 3U);
  EXPECT_EQ(level_count("/finance/bank/"), 4U);
  EXPECT_EQ(level_count("/sport/ball/player1/score/+/wimbledon/#"), 8U);
}

}  // namespace
}  // namespace mqttproxy::mqtt
