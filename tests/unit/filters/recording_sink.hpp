// A Kafka that remembers what it was given and answers what the test says.
#pragma once

#include <deque>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mqttproxy/kafka/producer.hpp"
#include "mqttproxy/kafka/properties.hpp"

namespace mqttproxy::test {

using HeaderList = std::vector<std::pair<std::string, std::string>>;

struct RecordedRecord {
  std::string topic;
  std::optional<std::string> key;
  HeaderList headers;
  std::string value;
  std::uint64_t token = 0;
};

class RecordingSink final : public kafka::RecordSink {
 public:
  kafka::Topic* open_topic(std::string_view kafka_topic, kafka::TopicError& error) override {
    opened.emplace_back(kafka_topic);
    if (!kafka::is_legal_topic_name(kafka_topic)) {
      error = kafka::TopicError::IllegalName;
      return nullptr;
    }
    const std::string name(kafka_topic);
    if (!topics_.contains(name) && topics_.size() >= max_topics) {
      error = kafka::TopicError::TooMany;
      return nullptr;
    }
    // The type is the real producer's alone; here a handle is the address of its name.
    const std::string* kept = &*topics_.insert(name).first;
    return reinterpret_cast<kafka::Topic*>(const_cast<std::string*>(kept));
  }

  kafka::ProduceResult produce(const kafka::Record& record) noexcept override {
    ++produced;
    kafka::ProduceResult answer = kafka::ProduceResult::Accepted;
    if (!answers.empty()) {
      answer = answers.front();
      answers.pop_front();
    }
    if (answer == kafka::ProduceResult::Accepted && keeps) keep(record);
    return answer;
  }

  std::deque<kafka::ProduceResult> answers;  // Accepted when used up
  std::size_t max_topics = 1'000;
  bool keeps = true;  // false: only count
  std::vector<RecordedRecord> records;
  std::size_t produced = 0;
  std::vector<std::string> opened;  // one entry per call

 private:
  void keep(const kafka::Record& record) {
    RecordedRecord kept{
        *reinterpret_cast<const std::string*>(record.topic), std::nullopt, {}, std::string(record.value), record.token};
    if (record.key) kept.key = std::string(*record.key);
    for (const kafka::Header& header : record.headers) kept.headers.emplace_back(header.name, header.value);
    records.push_back(std::move(kept));
  }

  std::set<std::string> topics_;
};

}  // namespace mqttproxy::test
