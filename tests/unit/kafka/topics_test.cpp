#include "kafka/topics.hpp"

#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "mqttproxy/kafka/properties.hpp"

#include "kafka/client.hpp"

namespace mqttproxy::kafka {
namespace {

TEST(TopicName, LegalNames) {
  for (const char* name : {"a", "A.b_c-9", "...", ".a", "_"}) EXPECT_TRUE(is_legal_topic_name(name)) << name;
  EXPECT_TRUE(is_legal_topic_name(std::string(249, 'x')));
}

TEST(TopicName, IllegalNames) {
  using namespace std::string_view_literals;
  for (const std::string_view name : {""sv, "."sv, ".."sv, "a/b"sv, "a b"sv, "a+"sv, "#"sv, "ä"sv, "a\0b"sv, "a\n"sv}) {
    EXPECT_FALSE(is_legal_topic_name(name)) << name;
  }
  EXPECT_FALSE(is_legal_topic_name(std::string(250, 'x')));
}

TEST(TopicTable, OneTopicPerName) {
  TopicTable topics(10);
  TopicError error{};
  Topic* first = topics.open("t", error);
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(topics.open("t", error), first);
  EXPECT_NE(topics.open("u", error), first);
  EXPECT_EQ(topics.size(), 2U);
}

TEST(TopicTable, IllegalNameIsNeverKept) {
  TopicTable topics(10);
  TopicError error = TopicError::TooMany;
  EXPECT_EQ(topics.open("a/b", error), nullptr);
  EXPECT_EQ(error, TopicError::IllegalName);
  EXPECT_EQ(topics.size(), 0U);
}

TEST(TopicTable, OnlyTopicsOutsideTheConfigurationCount) {
  TopicTable topics(2);
  topics.configure("configured");
  topics.configure("dead");
  TopicError error{};
  EXPECT_NE(topics.open("one", error), nullptr);
  EXPECT_NE(topics.open("two", error), nullptr);
  EXPECT_EQ(topics.open("three", error), nullptr);
  EXPECT_EQ(error, TopicError::TooMany);
  EXPECT_NE(topics.open("configured", error), nullptr);
  EXPECT_NE(topics.open("one", error), nullptr);
}

TEST(TopicTable, HandlesFollowTheClient) {
  ProducerOptions options;
  options.name = "topics";
  options.backends = {"127.0.0.1:1"};
  TopicTable topics(10);
  Topic& early = topics.configure("early");
  EXPECT_EQ(early.handle.load(), nullptr);
  Topic* late = nullptr;
  {
    const Client first(options);
    topics.attach(first.handle());
    ASSERT_NE(early.handle.load(), nullptr);
    TopicError error{};
    late = topics.open("late", error);
    ASSERT_NE(late->handle.load(), nullptr);
    EXPECT_STREQ(rd_kafka_topic_name(late->handle.load()), "late");
    topics.detach();
    EXPECT_EQ(late->handle.load(), nullptr);
  }
  const Client second(options);
  topics.attach(second.handle());
  EXPECT_NE(early.handle.load(), nullptr);
  EXPECT_NE(late->handle.load(), nullptr);
  topics.detach();
}

TEST(TopicTable, ManyThreadsAgree) {
  TopicTable topics(1'000);
  std::vector<std::vector<Topic*>> seen(4);
  std::vector<std::thread> threads;
  threads.reserve(seen.size());
  for (auto& mine : seen) {
    threads.emplace_back([&topics, &mine] {
      TopicError error{};
      for (int i = 0; i < 100; ++i) mine.push_back(topics.open("t" + std::to_string(i), error));
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& mine : seen) EXPECT_EQ(mine, seen.front());
  EXPECT_EQ(topics.size(), 100U);
}

}  // namespace
}  // namespace mqttproxy::kafka
