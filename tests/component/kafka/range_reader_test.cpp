#include "mqttproxy/kafka/range_reader.hpp"

#include <algorithm>
#include <numeric>
#include <stdexcept>

#include <gmock/gmock.h>

#include "support.hpp"

namespace mqttproxy::kafka::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

struct ReadRange {
  OffsetRange range;
  std::vector<std::int64_t> offsets;
  std::vector<std::string> values;
  std::optional<std::int64_t> oldest;  // once it has ended
};

/// Ranges in the order in which they ended or, at last, are being read.
class RecordingRanges : public RangeHandler {
 public:
  void on_range(const OffsetRange& range, std::span<const ConsumedRecord> records) override {
    const std::scoped_lock lock(mutex_);
    EXPECT_FALSE(records.empty());
    ReadRange& read = reading(range);
    for (const ConsumedRecord& record : records) {
      EXPECT_EQ(record.partition, range.partition);
      read.offsets.push_back(record.offset);
      read.values.emplace_back(record.value);
    }
    changed_.notify_all();
  }
  void on_range_end(const OffsetRange& range, std::int64_t oldest) override {
    const std::scoped_lock lock(mutex_);
    reading(range).oldest = oldest;
    ended_.push_back(std::move(reading_[range.partition]));
    reading_.erase(range.partition);
    changed_.notify_all();
  }

  std::vector<ReadRange> wait_ended(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kHangGuard, [&] { return ended_.size() >= count; });
    return ended_;
  }

 private:
  ReadRange& reading(const OffsetRange& range) {
    ReadRange& read = reading_.try_emplace(range.partition, ReadRange{range, {}, {}, {}}).first->second;
    EXPECT_EQ(read.range, range) << "one after the other";
    return read;
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::int32_t, ReadRange> reading_;
  std::vector<ReadRange> ended_;
};

std::vector<std::int64_t> numbers(std::int64_t from, std::int64_t to) {
  std::vector<std::int64_t> all(static_cast<std::size_t>(to - from));
  std::iota(all.begin(), all.end(), from);
  return all;
}

class RangeReaderTest : public ProducerTest {
 protected:
  RangeReaderTest() {
    kafka_.create_topic("t", 2);
    reader_options_.name = "again";
    reader_options_.backends = {kafka_.bootstrap()};
    reader_options_.topic.name = "t";
    start();
  }

  void write(std::int32_t partition, int count, std::string_view padding = {}) {
    Record record;
    record.topic = topic("t");
    record.partition = partition;
    for (int i = 0; i < count; ++i) {
      const std::string value = std::to_string(i) + std::string(padding);
      record.value = value;
      ASSERT_EQ(producer_->produce(record), ProduceResult::Accepted);
    }
    written_ += static_cast<std::size_t>(count);
    ASSERT_THAT(sinks_[0]->wait_for_reports(written_), SizeIs(written_));
  }

  void start_reader() { reader_ = RangeReader::create(reader_options_, ranges_, registry_); }

  std::vector<ReadRange> read_all(const std::vector<OffsetRange>& ranges) {
    if (reader_ == nullptr) start_reader();
    for (const OffsetRange& range : ranges) reader_->read(range);
    asked_ += ranges.size();
    std::vector<ReadRange> ended = ranges_.wait_ended(asked_);
    EXPECT_EQ(ended.size(), asked_);
    ended.erase(ended.begin(), ended.end() - static_cast<std::ptrdiff_t>(std::min(ranges.size(), ended.size())));
    return ended;
  }
  ReadRange read_one(const OffsetRange& range) {
    const auto ended = read_all({range});
    return ended.empty() ? ReadRange{} : ended.front();
  }
  [[nodiscard]] std::string sample(const std::string& name, int value) const {
    return "mqttproxy_kafka_range_reader_" + name + "_total{reader=\"again\"} " + std::to_string(value) + "\n";
  }

  std::size_t written_ = 0;
  std::size_t asked_ = 0;
  ConsumerOptions reader_options_;
  RecordingRanges ranges_;
  std::unique_ptr<RangeReader> reader_;
};

TEST_F(RangeReaderTest, TheRecordsOfARangeAndNoOther) {
  write(0, 100);
  const ReadRange read = read_one({0, 40, 43});
  EXPECT_THAT(read.offsets, ElementsAre(40, 41, 42));
  EXPECT_THAT(read.values, ElementsAre("40", "41", "42"));
  EXPECT_EQ(read.oldest, 40);
  EXPECT_THAT(metrics(), HasSubstr(sample("records", 3)));
  EXPECT_THAT(metrics(), HasSubstr(sample("ranges", 1)));
  EXPECT_THAT(metrics(), HasSubstr(sample("seeks", 1)));
}

TEST_F(RangeReaderTest, OneAfterTheOtherInTheOrderGivenAlsoBackwardsAndAgain) {
  write(0, 2'000);
  const std::vector<OffsetRange> asked = {{0, 1'900, 2'000}, {0, 0, 1}, {0, 10, 20},   {0, 15, 25},
                                          {0, 15, 25},       {0, 5, 5}, {0, 600, 700}, {0, 699, 1'500}};
  const auto ended = read_all(asked);
  ASSERT_EQ(ended.size(), asked.size());
  for (std::size_t i = 0; i < asked.size(); ++i) {
    EXPECT_EQ(ended[i].range, asked[i]);
    EXPECT_EQ(ended[i].offsets, numbers(asked[i].from, asked[i].to));
    EXPECT_EQ(ended[i].oldest, asked[i].from);
  }
}

TEST_F(RangeReaderTest, ShortGapsAreReadOver) {
  write(0, 3'000);
  std::vector<OffsetRange> asked;
  for (std::int64_t from = 0; from < 3'000; from += 300) asked.push_back({0, from, from + 2});
  for (const ReadRange& read : read_all(asked)) EXPECT_EQ(read.offsets, numbers(read.range.from, read.range.to));
  EXPECT_THAT(metrics(), HasSubstr(sample("seeks", 1)));
  read_all({{0, 0, 1}, {0, 2'000, 2'001}});
  EXPECT_THAT(metrics(), HasSubstr(sample("seeks", 3)));
}

TEST_F(RangeReaderTest, ScatteredPointsOfTwoPartitions) {
  write(0, 20'000);
  write(1, 20'000);
  std::vector<OffsetRange> asked;
  for (std::int64_t from = 0; from < 20'000; from += 1'000) {
    asked.push_back({0, from, from + 1});
    asked.push_back({1, from + 7, from + 9});
  }
  for (const ReadRange& read : read_all(asked)) EXPECT_EQ(read.offsets, numbers(read.range.from, read.range.to));
}

TEST_F(RangeReaderTest, TheEndOfAPartition) {
  write(0, 10);
  EXPECT_EQ(read_one({0, 8, 10}).offsets, numbers(8, 10));
  EXPECT_THAT(read_one({0, 10, 10}).offsets, IsEmpty());
  write(0, 10);
  EXPECT_EQ(read_one({0, 9, 20}).offsets, numbers(9, 20));
}

TEST_F(RangeReaderTest, BehindTheEndNothingIsWaitedFor) {
  // What a topic made anew looks like.
  write(0, 10);
  const auto ended = read_all({{0, 8, 15}, {0, 100, 200}, {0, 1'000, 2'000}, {0, 3, 5}, {0, 100, 101}});
  ASSERT_EQ(ended.size(), 5U);
  EXPECT_EQ(ended[0].offsets, numbers(8, 10));
  EXPECT_THAT(ended[1].offsets, IsEmpty());
  EXPECT_EQ(ended[1].oldest, 100);
  EXPECT_THAT(ended[2].offsets, IsEmpty());
  EXPECT_EQ(ended[3].offsets, numbers(3, 5));
  EXPECT_EQ(ended[4].oldest, 100);
  const ReadRange nothing = read_one({1, 5, 6});
  EXPECT_THAT(nothing.offsets, IsEmpty());
  EXPECT_EQ(nothing.oldest, 5);
}

TEST_F(RangeReaderTest, WhatKafkaDeletedIsSkippedAndSaid) {
  // The embedded Kafka keeps about 5 MB of a partition.
  write(0, 200, std::string(50'000, 'x'));
  const ReadRange all = read_one({0, 0, 200});
  ASSERT_TRUE(all.oldest.has_value());
  EXPECT_GT(*all.oldest, 50);
  EXPECT_EQ(all.offsets, numbers(*all.oldest, 200));
  const std::int64_t oldest = *all.oldest;
  const auto ended =
      read_all({{0, 1, 3}, {0, oldest - 1, oldest + 2}, {0, 198, 199}, {0, 4, oldest}, {0, 0, oldest + 1}});
  ASSERT_EQ(ended.size(), 5U);
  EXPECT_THAT(ended[0].offsets, IsEmpty());
  EXPECT_EQ(ended[0].oldest, oldest);
  EXPECT_EQ(ended[1].offsets, numbers(oldest, oldest + 2));
  EXPECT_EQ(ended[1].oldest, oldest);
  EXPECT_EQ(ended[2].offsets, numbers(198, 199));
  EXPECT_EQ(ended[2].oldest, 198);
  EXPECT_THAT(ended[3].offsets, IsEmpty());
  EXPECT_EQ(ended[3].oldest, oldest);
  EXPECT_EQ(ended[4].offsets, numbers(oldest, oldest + 1));
  EXPECT_EQ(ended[4].oldest, oldest);
}

TEST_F(RangeReaderTest, AFullQueueLosesNothing) {
  reader_options_.max_queue_bytes = 100'000;
  write(0, 300, std::string(10'000, 'x'));
  EXPECT_EQ(read_one({0, 0, 300}).offsets, numbers(0, 300));
}

TEST_F(RangeReaderTest, AnOutageIsWaitedFor) {
  write(0, 1'000);
  EXPECT_EQ(read_one({0, 0, 1}).offsets, numbers(0, 1));
  kafka_.set_down();
  for (const std::int64_t from : {900, 5, 1}) reader_->read({0, from, from + 100});
  ASSERT_TRUE(eventually([&] { return producer_->health().reason.find("unreachable") != std::string::npos; }));
  kafka_.set_up();
  const auto ended = ranges_.wait_ended(4);
  ASSERT_EQ(ended.size(), 4U);
  for (const ReadRange& read : ended) EXPECT_EQ(read.offsets, numbers(read.range.from, read.range.to));
}

TEST_F(RangeReaderTest, FailedFetchesAreTriedAgain) {
  write(0, 1'000);
  constexpr std::int16_t kNotLeader = 6;
  constexpr std::int16_t kTransport = -195;
  constexpr std::int16_t kUnknownServerError = -1;
  kafka_.push_request_errors(kApiFetch, std::vector<std::int16_t>{kNotLeader, kTransport, kUnknownServerError});
  EXPECT_EQ(read_one({0, 100, 900}).offsets, numbers(100, 900));
}

TEST_F(RangeReaderTest, StopDoesNotWaitForKafka) {
  write(0, 10);
  EXPECT_EQ(read_one({0, 0, 1}).offsets, numbers(0, 1));
  kafka_.set_down();
  reader_->read({0, 5, 6});
  reader_->stop();
  kafka_.set_up();
  EXPECT_THAT(ranges_.wait_ended(1), SizeIs(1));
}

TEST_F(RangeReaderTest, BadOptionsThrowLibrdkafkasReason) {
  reader_options_.properties = {{"fetch.max.bytes", "1000"}};
  EXPECT_THROW(start_reader(), std::runtime_error);
}

}  // namespace
}  // namespace mqttproxy::kafka::testing
