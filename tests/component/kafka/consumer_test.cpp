#include "mqttproxy/kafka/consumer.hpp"

#include <map>
#include <stdexcept>

#include <gmock/gmock.h>

#include "support.hpp"

namespace mqttproxy::kafka::testing {
namespace {

using namespace std::string_view_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;

struct Seen {
  std::int32_t partition = 0;
  std::int64_t offset = 0;
  std::optional<std::string> key;
  std::string value;
  std::vector<std::pair<std::string, std::string>> headers;
  bool has_time = false;
  bool tombstone = false;
};

/// Takes as many records as it has room for.
class RecordingHandler : public RecordHandler {
 public:
  std::size_t on_records(std::span<const ConsumedRecord> records) override {
    const std::scoped_lock lock(mutex_);
    const std::size_t taken = std::min(room_, records.size());
    refused_ = refused_ || taken < records.size();
    room_ -= taken;
    for (const ConsumedRecord& record : records.first(taken)) {
      Seen seen{record.partition,        record.offset,   std::nullopt, std::string(record.value), {},
                record.time.has_value(), record.tombstone};
      if (record.key) seen.key = *record.key;
      for (const Header& header : record.headers) seen.headers.emplace_back(header.name, header.value);
      seen_.push_back(std::move(seen));
    }
    changed_.notify_all();
    return taken;
  }
  void on_partition(std::int32_t partition, std::int64_t first, std::int64_t end) override {
    const std::scoped_lock lock(mutex_);
    EXPECT_EQ(started_, 0);
    EXPECT_TRUE(partitions_.try_emplace(partition, first, end).second);
  }
  void on_partition_end(std::int32_t partition, std::int64_t offset) override {
    const std::scoped_lock lock(mutex_);
    EXPECT_EQ(partitions_.count(partition), 1U);
    const auto here = [partition](const Seen& seen) { return seen.partition == partition; };
    EXPECT_GE(std::ranges::count_if(seen_, here), offset - partitions_[partition].first);
    ends_[partition] = offset;
    changed_.notify_all();
  }
  void on_started() override {
    const std::scoped_lock lock(mutex_);
    ++started_;
    changed_.notify_all();
  }

  void set_room(std::size_t room) {
    const std::scoped_lock lock(mutex_);
    room_ = room;
  }
  bool wait_started() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kHangGuard, [&] { return started_ == 1; });
  }
  bool wait_refused() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kHangGuard, [&] { return refused_; });
  }
  /// Partition → where reading starts, where its records ended.
  std::map<std::int32_t, std::pair<std::int64_t, std::int64_t>> partitions() {
    const std::scoped_lock lock(mutex_);
    return partitions_;
  }
  bool wait_end(std::int32_t partition, std::int64_t offset) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kHangGuard, [&] { return ends_[partition] == offset; });
  }
  std::size_t ends() {
    const std::scoped_lock lock(mutex_);
    return ends_.size();
  }
  std::vector<Seen> wait(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kHangGuard, [&] { return seen_.size() >= count; });
    return seen_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t room_ = SIZE_MAX;
  bool refused_ = false;
  int started_ = 0;
  std::map<std::int32_t, std::pair<std::int64_t, std::int64_t>> partitions_;
  std::map<std::int32_t, std::int64_t> ends_;
  std::vector<Seen> seen_;
};

/// Every test has the embedded Kafka to itself: nobody else holds it.
class ConsumerTest : public ::testing::Test {
 protected:
  ConsumerTest() {
    options_.name = "reader";
    options_.backends = {"embedded"};
    options_.topic.name = "topic";
    options_.topic.partitions = 3;
    options_.properties = {{"fetch.wait.max.ms", "10"}};
    kafka_->create_topic("topic", 3);
    ProducerOptions options;
    options.name = "writer";
    options.backends = {"embedded"};
    producer_ = Producer::create(options, {&reports_}, registry_);
    TopicError error{};
    topic_ = producer_->open_topic("topic", error);
  }

  void start() {
    consumer_ = Consumer::create(options_, handler_, registry_);
    ASSERT_TRUE(handler_.wait_started());
    ASSERT_TRUE(eventually([&] { return consumer_->health().ready; }));
  }

  void write(std::string_view key, std::string_view value, std::span<const Header> headers = {},
             std::optional<std::int32_t> partition = {}) {
    Record record;
    record.topic = topic_;
    record.key = key;
    record.value = value;
    record.headers = headers;
    record.partition = partition;
    ASSERT_EQ(producer_->produce(record), ProduceResult::Accepted);
    ++written_;
  }
  /// Counters follow what the handler has seen.
  bool shows(const std::string& sample) {
    return eventually([&] { return registry_.serialize().find(sample) != std::string::npos; });
  }
  void wait_stored() {
    const auto reports = reports_.wait_for_reports(written_);
    ASSERT_EQ(reports.size(), written_);
    for (const Report& report : reports) ASSERT_EQ(report.outcome, Outcome::Stored);
  }

  std::shared_ptr<EmbeddedKafka> kafka_ = EmbeddedKafka::shared();
  metrics::Registry registry_;
  RecordingSink reports_;
  std::unique_ptr<Producer> producer_;
  Topic* topic_ = nullptr;
  std::size_t written_ = 0;
  ConsumerOptions options_;
  RecordingHandler handler_;
  std::unique_ptr<Consumer> consumer_;
};

TEST_F(ConsumerTest, KeyValueAndHeadersArriveByteForByte) {
  start();
  const std::vector<Header> headers = {{"a", "x\0y"sv}, {"empty", ""}, {"a", "\xFF"}};
  write("k\0\xFF"sv, "v\0\n"sv, headers);
  const auto seen = handler_.wait(1);
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(seen[0].key, "k\0\xFF"sv);
  EXPECT_EQ(seen[0].value, "v\0\n"sv);
  EXPECT_THAT(seen[0].headers, ElementsAre(Pair("a", "x\0y"sv), Pair("empty", ""), Pair("a", "\xFF")));
  EXPECT_TRUE(seen[0].has_time);
}

TEST_F(ConsumerTest, NoValueIsNotAnEmptyOne) {
  start();
  Record record;
  record.topic = topic_;
  record.partition = 0;
  record.tombstone = true;
  ASSERT_EQ(producer_->produce(record), ProduceResult::Accepted);
  record.tombstone = false;
  ASSERT_EQ(producer_->produce(record), ProduceResult::Accepted);
  const auto seen = handler_.wait(2);
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_TRUE(seen[0].tombstone);
  EXPECT_FALSE(seen[1].tombstone);
  EXPECT_EQ(seen[1].value, "");
}

TEST_F(ConsumerTest, NothingFromBeforeTheStartAndEverythingAfterIt) {
  for (int i = 0; i < 50; ++i) write(std::to_string(i), "before");
  wait_stored();
  start();
  for (int i = 0; i < 50; ++i) write(std::to_string(i), "after");
  const auto seen = handler_.wait(50);
  ASSERT_EQ(seen.size(), 50U);
  for (const Seen& record : seen) EXPECT_EQ(record.value, "after");
  EXPECT_TRUE(shows("mqttproxy_kafka_consumed_records_total{consumer=\"reader\"} 50\n"));
}

TEST_F(ConsumerTest, TheStartSaysWhereEachPartitionIsRead) {
  for (int i = 0; i < 5; ++i) write("k", "before", {}, 1);
  wait_stored();
  start();
  EXPECT_THAT(handler_.partitions(), ElementsAre(Pair(0, Pair(0, 0)), Pair(1, Pair(5, 5)), Pair(2, Pair(0, 0))));
  write("k", "after", {}, 1);
  EXPECT_EQ(handler_.wait(1).at(0).offset, 5);
  EXPECT_EQ(handler_.ends(), 0U) << "only with Start::Beginning";
}

TEST_F(ConsumerTest, FromTheBeginningEveryRecordAndWhereTheyEnd) {
  for (int i = 0; i < 300; ++i) write("a", std::to_string(i), {}, 0);
  write("b", "0", {}, 2);
  wait_stored();
  options_.start = Start::Beginning;
  start();
  EXPECT_THAT(handler_.partitions(), ElementsAre(Pair(0, Pair(0, 300)), Pair(1, Pair(0, 0)), Pair(2, Pair(0, 1))));
  for (const auto& [partition, end] : {std::pair{0, 300}, {1, 0}, {2, 1}})
    EXPECT_TRUE(handler_.wait_end(partition, end));
  for (int i = 300; i < 600; ++i) write("a", std::to_string(i), {}, 0);
  EXPECT_TRUE(handler_.wait_end(0, 600));
  const auto seen = handler_.wait(601);
  ASSERT_EQ(seen.size(), 601U);
  std::int64_t next = 0;
  for (const Seen& record : seen) {
    if (record.partition == 0) {
      EXPECT_EQ(record.offset, next++);
    }
  }
  EXPECT_THAT(registry_.serialize(), Not(HasSubstr("PARTITION_EOF")));
}

TEST_F(ConsumerTest, TheBeginningIsTheOldestRecordKafkaHas) {
  // The embedded Kafka keeps about 5 MB of a partition.
  const std::string padding(50'000, 'x');
  for (int i = 0; i < 200; ++i) write("k", padding, {}, 0);
  wait_stored();
  options_.start = Start::Beginning;
  start();
  EXPECT_TRUE(handler_.wait_end(0, 200));
  const auto [first, end] = handler_.partitions().at(0);
  EXPECT_GT(first, 0);
  EXPECT_EQ(end, 200);
  const auto seen = handler_.wait(0);
  EXPECT_EQ(seen.at(0).offset, first);
  EXPECT_EQ(seen.size(), static_cast<std::size_t>(200 - first));
  EXPECT_TRUE(shows("mqttproxy_kafka_consumer_restarts_total{consumer=\"reader\"} 0\n"));
}

void expect_in_order(const std::vector<Seen>& seen, int per_key) {
  std::map<std::string, int> next;
  for (const Seen& record : seen) EXPECT_EQ(record.value, std::to_string(next[record.key.value()]++));
  for (const auto& [key, count] : next) EXPECT_EQ(count, per_key) << key;
}

TEST_F(ConsumerTest, RecordsWaitForRoomInOrderAndNoneIsLost) {
  handler_.set_room(7);
  start();
  for (int i = 0; i < 200; ++i) {
    for (const char* key : {"a", "b", "c", "d"}) write(key, std::to_string(i));
  }
  wait_stored();
  EXPECT_EQ(handler_.wait(7).size(), 7U);
  ASSERT_TRUE(handler_.wait_refused());
  handler_.set_room(SIZE_MAX);
  const auto seen = handler_.wait(800);
  ASSERT_EQ(seen.size(), 800U);
  expect_in_order(seen, 200);
  EXPECT_TRUE(shows("mqttproxy_kafka_consumer_lag_records{consumer=\"reader\"} 0\n"));
  EXPECT_THAT(registry_.serialize(), Not(HasSubstr("mqttproxy_kafka_consumer_pauses_total{consumer=\"reader\"} 0\n")));
}

TEST_F(ConsumerTest, StopDoesNotWaitForRoom) {
  handler_.set_room(0);
  start();
  write("a", "v");
  ASSERT_TRUE(handler_.wait_refused());
  consumer_->stop();
  handler_.set_room(1);
  EXPECT_TRUE(handler_.wait(0).empty());
}

TEST_F(ConsumerTest, AnOutageLeavesNoGap) {
  start();
  for (int i = 0; i < 100; ++i) write("a", std::to_string(i));
  ASSERT_EQ(handler_.wait(100).size(), 100U);
  kafka_->set_down();
  ASSERT_TRUE(eventually([&] { return !consumer_->health().ready; }));
  EXPECT_THAT(consumer_->health().reason, HasSubstr("unreachable"));
  for (int i = 100; i < 200; ++i) write("a", std::to_string(i));
  kafka_->set_up();
  const auto seen = handler_.wait(200);
  ASSERT_EQ(seen.size(), 200U);
  expect_in_order(seen, 200);
  EXPECT_TRUE(eventually([&] { return consumer_->health().ready; }));
}

TEST_F(ConsumerTest, FailedFetchesLeaveNoGap) {
  start();
  constexpr std::int16_t kNotLeader = 6;
  constexpr std::int16_t kTransport = -195;
  constexpr std::int16_t kUnknownServerError = -1;
  kafka_->push_request_errors(kApiFetch, std::vector<std::int16_t>{kNotLeader, kTransport, kUnknownServerError});
  for (int i = 0; i < 300; ++i) write("a", std::to_string(i));
  const auto seen = handler_.wait(300);
  ASSERT_EQ(seen.size(), 300U);
  expect_in_order(seen, 300);
}

TEST_F(ConsumerTest, RecordsThatKafkaDeletedAreSkippedAndCounted) {
  options_.max_queue_bytes = 100'000;
  options_.properties.emplace_back("fetch.message.max.bytes", "100000");
  handler_.set_room(0);
  start();
  // The embedded Kafka keeps about 5 MB of a partition.
  const std::string padding(50'000, 'x');
  constexpr int kRecords = 400;
  write("a", "0|" + padding);
  ASSERT_TRUE(handler_.wait_refused());  // from now on the position lies between what was fetched and what is deleted
  for (int i = 1; i < kRecords; ++i) write("a", std::to_string(i) + "|" + padding);
  wait_stored();
  handler_.set_room(SIZE_MAX);
  const std::string last = std::to_string(kRecords - 1) + "|";
  ASSERT_TRUE(eventually([&] {
    const auto seen = handler_.wait(0);
    return !seen.empty() && seen.back().value.starts_with(last);
  }));
  const auto seen = handler_.wait(0);
  for (std::size_t i = 1; i < seen.size(); ++i) EXPECT_LT(seen[i - 1].offset, seen[i].offset);
  // Once, or again when Kafka was slow to say where the oldest is.
  EXPECT_THAT(registry_.serialize(), Not(HasSubstr("_restarts_total{consumer=\"reader\"} 0\n")));
  EXPECT_TRUE(shows("mqttproxy_kafka_consumer_missed_records_total{consumer=\"reader\"} " +
                    std::to_string(kRecords - seen.size()) + "\n"));
}

TEST_F(ConsumerTest, NobodyThereIsSaidWithTheReason) {
  options_.backends = {"127.0.0.1:1"};
  consumer_ = Consumer::create(options_, handler_, registry_);
  EXPECT_TRUE(eventually([&] { return consumer_->health().reason.find("refused") != std::string::npos; }))
      << consumer_->health().reason;
  EXPECT_THAT(consumer_->health().reason, HasSubstr("Kafka 127.0.0.1:1 unreachable: "));
  EXPECT_THAT(registry_.serialize(), HasSubstr("mqttproxy_kafka_consumer_ready{consumer=\"reader\"} 0\n"));
}

TEST_F(ConsumerTest, BadOptionsThrowLibrdkafkasReason) {
  options_.properties = {{"fetch.max.bytes", "1000"}};
  EXPECT_THROW(static_cast<void>(Consumer::create(options_, handler_, registry_)), std::runtime_error);
}

}  // namespace
}  // namespace mqttproxy::kafka::testing
