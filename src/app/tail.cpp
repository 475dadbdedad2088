// `mqttproxy tail`: what arrives in Kafka, readable. Reads with the backends and properties of the configuration's own
// Kafka filters, so that whoever may write may look.
#include <algorithm>
#include <csignal>
#include <iostream>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <fmt/chrono.h>
#include <fmt/format.h>

#include "mqttproxy/kafka/consumer.hpp"
#include "mqttproxy/kafka/properties.hpp"
#include "mqttproxy/metrics/metrics.hpp"
#include "mqttproxy/util/log.hpp"
#include "mqttproxy/util/text.hpp"

#include "assembly.hpp"
#include "commands.hpp"
#include "exit_code.hpp"

namespace mqttproxy::app {

namespace {

constexpr std::size_t kMaxPayload = 4'096;  // shown

/// Prints the records of all topics, one after the other, until there have been enough. Thread: any.
class Printer {
 public:
  Printer(std::uint64_t count, boost::asio::io_context& io) : left_(count), limited_(count != 0), io_(io) {}

  void print(const std::string& topic, std::span<const kafka::ConsumedRecord> records) {
    const std::scoped_lock lock(mutex_);
    for (const kafka::ConsumedRecord& record : records) {
      if (limited_ && left_ == 0) break;
      std::cout << text_of(topic, record);
      if (limited_ && --left_ == 0) io_.stop();
    }
    if (!std::cout.flush()) io_.stop();  // nobody reads any more
  }

 private:
  static std::string text_of(const std::string& topic, const kafka::ConsumedRecord& record) {
    std::string text = fmt::format("{}/{}@{}", topic, record.partition, record.offset);
    if (record.time) {
      const auto since = record.time->time_since_epoch();
      const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(since).count() % 1'000;
      text += fmt::format(" {:%FT%T}.{:03}Z", std::chrono::floor<std::chrono::seconds>(*record.time), milliseconds);
    }
    text += record.key ? fmt::format(" key=\"{}\"\n", util::printable(*record.key)) : " no key\n";
    for (const kafka::Header& header : record.headers) {
      text += fmt::format("  {}: {}\n", util::printable(header.name), util::printable(header.value));
    }
    if (record.tombstone) return text + "  (no value)\n";
    return text + fmt::format("  {} bytes: {}\n", record.value.size(), util::printable(record.value, kMaxPayload));
  }

  std::mutex mutex_;
  std::uint64_t left_;
  const bool limited_;
  boost::asio::io_context& io_;
};

/// One topic's records on their way to the printer.
class TopicTail final : public kafka::RecordHandler {
 public:
  TopicTail(const kafka::ConsumerOptions& options, Printer& printer, metrics::Registry& metrics)
      : topic_(options.topic.name), printer_(printer), consumer_(kafka::Consumer::create(options, *this, metrics)) {}
  ~TopicTail() override { consumer_->stop(); }
  TopicTail(const TopicTail&) = delete;
  TopicTail& operator=(const TopicTail&) = delete;

  [[nodiscard]] std::size_t on_records(std::span<const kafka::ConsumedRecord> records) override {
    printer_.print(topic_, records);
    return records.size();
  }
  void on_started() override {}

 private:
  const std::string topic_;
  Printer& printer_;
  std::unique_ptr<kafka::Consumer> consumer_;
};

/// What the Kafka filters of the configuration write to.
std::vector<kafka::ProducerOptions> producers_of(const config::Config& config) {
  std::vector<kafka::ProducerOptions> producers;
  const SinkFor nowhere = sink_nowhere();
  (void)build_pipelines(config, make_registry([&](const kafka::ProducerOptions& options) {
                          if (std::ranges::find(producers, options) == producers.end()) producers.push_back(options);
                          return nowhere(options);
                        }));
  return producers;
}

/// One for each topic: those that were named, else all that the configuration names.
std::vector<kafka::ConsumerOptions> consumers_for(const TailOptions& options,
                                                  const std::vector<kafka::ProducerOptions>& producers) {
  std::vector<kafka::ConsumerOptions> consumers;
  for (const kafka::ProducerOptions& producer : producers) {
    std::set<std::string> topics(options.topics.begin(), options.topics.end());
    if (topics.empty()) {
      topics.insert(producer.topics.begin(), producer.topics.end());
      if (!producer.dead_letter_topic.empty()) topics.insert(producer.dead_letter_topic);
    }
    for (const std::string& topic : topics) {
      kafka::ConsumerOptions consumer;
      consumer.name = "mqttproxy-tail";
      consumer.backends = options.backends.empty() ? producer.backends : options.backends;
      consumer.properties = producer.properties;
      consumer.topic.name = topic;
      consumer.topic.create = false;
      consumer.start = options.from_beginning ? kafka::Start::Beginning : kafka::Start::End;
      if (std::ranges::find(consumers, consumer) == consumers.end()) consumers.push_back(std::move(consumer));
    }
  }
  return consumers;
}

int usage(const std::string& message) {
  std::cerr << "mqttproxy tail: " << message << '\n';
  return kExitUsage;
}

}  // namespace

int tail(const TailOptions& options) {
  const auto config = load_and_validate(options.config);
  if (!config) return kExitUsage;
  if (!options.backends.empty()) {
    if (const auto problem = kafka::backends_problem(options.backends)) return usage("--backend: " + *problem);
  }
  for (const std::string& topic : options.topics) {
    if (!kafka::is_legal_topic_name(topic)) return usage("--topic is not the name of a Kafka topic");
  }
  const std::vector<kafka::ConsumerOptions> consumers = consumers_for(options, producers_of(*config));
  if (consumers.empty()) return usage("the configuration names no Kafka topic: which is wanted says --topic");
  const bool embedded = std::ranges::any_of(
      consumers, [](const kafka::ConsumerOptions& consumer) { return consumer.backends.front() == "embedded"; });
  if (embedded) return usage("the embedded Kafka is inside the daemon: its address, from the log, goes into --backend");

  util::init_logging(spdlog::level::warn, util::LogFormat::Text);
  boost::asio::io_context io;
  boost::asio::signal_set signals(io, SIGTERM, SIGINT);
  signals.async_wait([&io](const boost::system::error_code& error, int) {
    if (!error) io.stop();
  });
  metrics::Registry metrics;
  Printer printer(options.count, io);
  std::vector<std::unique_ptr<TopicTail>> tails;
  tails.reserve(consumers.size());
  for (const kafka::ConsumerOptions& consumer : consumers) {
    tails.push_back(std::make_unique<TopicTail>(consumer, printer, metrics));
  }
  io.run();
  return std::cout ? kExitOk : kExitFailure;
}

}  // namespace mqttproxy::app
