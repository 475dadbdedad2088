#include "support.hpp"

#include <algorithm>
#include <stdexcept>
#include <thread>

#include <librdkafka/rdkafka.h>

#include "kafka/raii.hpp"

namespace mqttproxy::kafka::testing {

void RecordingSink::on_reports(std::vector<Report> reports) {
  const std::scoped_lock lock(mutex_);
  ++batches_;
  reports_.insert(reports_.end(), reports.begin(), reports.end());
  changed_.notify_all();
}

void RecordingSink::on_room() {
  const std::scoped_lock lock(mutex_);
  ++rooms_;
  changed_.notify_all();
}

std::vector<Report> RecordingSink::wait_for_reports(std::size_t count) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, kHangGuard, [&] { return reports_.size() >= count; });
  return reports_;
}

bool RecordingSink::wait_for_room(std::size_t count) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, kHangGuard, [&] { return rooms_ >= count; });
}

std::size_t RecordingSink::rooms() const {
  const std::scoped_lock lock(mutex_);
  return rooms_;
}

std::size_t RecordingSink::batches() const {
  const std::scoped_lock lock(mutex_);
  return batches_;
}

std::vector<Report> RecordingSink::reports() const {
  const std::scoped_lock lock(mutex_);
  return reports_;
}

std::string ReadRecord::header(std::string_view name) const {
  const auto found = std::ranges::find(headers, name, &decltype(headers)::value_type::first);
  return found == headers.end() ? "(none)" : found->second.value_or("(null)");
}

namespace {

using MessagePtr = std::unique_ptr<rd_kafka_message_t, Destroyer<rd_kafka_message_destroy>>;

std::optional<std::string> bytes(const void* data, std::size_t size) {
  if (data == nullptr) return std::nullopt;
  return std::string(static_cast<const char*>(data), size);
}

ReadRecord to_record(const rd_kafka_message_t& message) {
  ReadRecord record{bytes(message.key, message.key_len), bytes(message.payload, message.len), {}, message.partition};
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(&message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) return record;
  const char* name = nullptr;
  const void* value = nullptr;
  std::size_t size = 0;
  for (std::size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR;
       ++i) {
    record.headers.emplace_back(name, bytes(value, size));
  }
  return record;
}

}  // namespace

std::vector<ReadRecord> read(const EmbeddedKafka& kafka, const std::string& topic, std::size_t count) {
  constexpr int kPartitions = 4;  // of a topic that made itself
  ConfPtr conf(rd_kafka_conf_new());
  const auto set = [&](const char* name, const std::string& value) {
    if (rd_kafka_conf_set(conf.get(), name, value.c_str(), nullptr, 0) != RD_KAFKA_CONF_OK) {
      throw std::runtime_error(name);
    }
  };
  set("bootstrap.servers", kafka.bootstrap());
  set("group.id", "reader");
  set("enable.auto.commit", "false");
  set("fetch.wait.max.ms", "10");
  const HandlePtr consumer(rd_kafka_new(RD_KAFKA_CONSUMER, conf.release(), nullptr, 0));
  rd_kafka_poll_set_consumer(consumer.get());
  const PartitionsPtr partitions(rd_kafka_topic_partition_list_new(kPartitions));
  for (int i = 0; i < kPartitions; ++i) {
    rd_kafka_topic_partition_list_add(partitions.get(), topic.c_str(), i)->offset = RD_KAFKA_OFFSET_BEGINNING;
  }
  rd_kafka_assign(consumer.get(), partitions.get());
  std::map<int, std::vector<ReadRecord>> by_partition;
  const auto deadline = std::chrono::steady_clock::now() + kHangGuard;
  for (std::size_t got = 0; got < count && std::chrono::steady_clock::now() < deadline;) {
    const MessagePtr message(rd_kafka_consumer_poll(consumer.get(), 100));
    if (message == nullptr || message->err != RD_KAFKA_RESP_ERR_NO_ERROR) continue;
    by_partition[message->partition].push_back(to_record(*message));
    ++got;
  }
  rd_kafka_consumer_close(consumer.get());
  std::vector<ReadRecord> all;
  for (auto& [partition, records] : by_partition) std::ranges::move(records, std::back_inserter(all));
  return all;
}

bool eventually(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + kHangGuard;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));  // spares the core; nothing depends on it
  }
  return true;
}

ProducerTest::ProducerTest() {
  options_.name = "test";
  options_.backends = {kafka_.bootstrap()};
}

void ProducerTest::start(std::size_t lanes) {
  std::vector<ReportSink*> sinks;
  for (std::size_t i = 0; i < lanes; ++i) {
    sinks_.push_back(std::make_unique<RecordingSink>());
    sinks.push_back(sinks_.back().get());
  }
  producer_ = Producer::create(options_, sinks, registry_);
}

Topic* ProducerTest::topic(std::string_view name) {
  TopicError error{};
  Topic* opened = producer_->open_topic(name, error);
  EXPECT_NE(opened, nullptr) << name;
  return opened;
}

ProduceResult ProducerTest::produce(Topic* into, std::string_view value, std::uint64_t token) {
  Record record;
  record.topic = into;
  record.key = "device";
  record.value = value;
  record.token = token;
  return producer_->produce(record);
}

}  // namespace mqttproxy::kafka::testing
