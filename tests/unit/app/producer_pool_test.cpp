#include "producer_pool.hpp"

#include <map>
#include <set>
#include <stdexcept>

#include <gtest/gtest.h>

namespace mqttproxy::app {
namespace {

/// What became of the producers, by name.
struct Lives {
  std::multiset<std::string> made, retired, drained, ended;
  std::map<std::string, std::size_t> unreported;
};

class FakeProducer final : public kafka::Producer {
 public:
  FakeProducer(std::string name, Lives& lives) : name_(std::move(name)), lives_(lives) { lives_.made.insert(name_); }
  ~FakeProducer() override { lives_.ended.insert(name_); }
  kafka::Topic* open_topic(std::string_view, kafka::TopicError&) override { return nullptr; }
  kafka::ProduceResult produce(const kafka::Record&) noexcept override { return kafka::ProduceResult::Accepted; }
  [[nodiscard]] kafka::Health health() const override { return {false, name_ + " is not ready"}; }
  [[nodiscard]] std::size_t unreported() const noexcept override { return lives_.unreported[name_]; }
  void retire() override { lives_.retired.insert(name_); }
  std::size_t drain(std::chrono::milliseconds) override {
    lives_.drained.insert(name_);
    return lives_.unreported[name_];
  }

 private:
  const std::string name_;
  Lives& lives_;
};

class ProducerPoolTest : public testing::Test {
 protected:
  std::shared_ptr<kafka::RecordSink> get(const std::string& name) {
    kafka::ProducerOptions options;
    options.name = name;
    return pool_.get(options);
  }

  using Names = std::multiset<std::string>;
  Lives lives_;
  ProducerPool pool_{[this](const kafka::ProducerOptions& options) {
    if (options.name == "bad") throw std::runtime_error("refused");
    return std::make_unique<FakeProducer>(options.name, lives_);
  }};
};

TEST_F(ProducerPoolTest, EqualOptionsShareAProducerAlsoOverReloads) {
  const auto first = get("a");
  EXPECT_EQ(get("a"), first);
  pool_.keep_configuration();
  pool_.begin_configuration();
  EXPECT_EQ(get("a"), first);
  pool_.keep_configuration();
  EXPECT_EQ(lives_.made, Names{"a"});
  EXPECT_EQ(pool_.retired(), 0U);
}

TEST_F(ProducerPoolTest, WhatNobodyAsksForAnyMoreEndsWhenNoFilterHoldsItAndEveryRecordIsReported) {
  auto filter = get("old");
  pool_.keep_configuration();
  pool_.begin_configuration();
  const auto next = get("new");
  pool_.keep_configuration();
  EXPECT_EQ(lives_.retired, Names{"old"});
  EXPECT_EQ(pool_.reasons_not_ready(), std::vector<std::string>{"new is not ready"});

  lives_.unreported["old"] = 1;
  EXPECT_EQ(pool_.end_retired(), 0U);
  filter.reset();
  EXPECT_EQ(pool_.end_retired(), 0U);
  lives_.unreported["old"] = 0;
  EXPECT_EQ(pool_.end_retired(), 1U);
  EXPECT_EQ(lives_.ended, Names{"old"});
}

TEST_F(ProducerPoolTest, AConfigurationThatFailsLeavesNothingBehind) {
  const auto filter = get("old");
  pool_.keep_configuration();
  pool_.begin_configuration();
  (void)get("new");
  EXPECT_THROW((void)get("bad"), std::runtime_error);
  pool_.drop_configuration();
  EXPECT_EQ(lives_.ended, Names{"new"});
  EXPECT_EQ(lives_.retired, Names());
  pool_.begin_configuration();
  EXPECT_EQ(get("old"), filter);
}

TEST_F(ProducerPoolTest, DrainingIsForAllRetiredOnesIncluded) {
  const auto filter = get("old");
  pool_.keep_configuration();
  pool_.begin_configuration();
  (void)get("new");
  pool_.keep_configuration();
  lives_.unreported = {{"old", 2}, {"new", 3}};
  EXPECT_EQ(pool_.drain(std::chrono::milliseconds(1)), 5U);
  EXPECT_EQ(lives_.drained, (Names{"new", "old"}));
}

}  // namespace
}  // namespace mqttproxy::app
