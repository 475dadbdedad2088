// A record with key and headers into librdkafka's queue. No Kafka is there: nothing leaves it.
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "mqttproxy/kafka/producer.hpp"
#include "mqttproxy/metrics/metrics.hpp"

#include "scenario.hpp"

namespace mqttproxy::bench::micro {

namespace {

constexpr std::uint64_t kTurns = 5'000;

class NoReports final : public kafka::ReportSink {
 public:
  void on_reports(std::vector<kafka::Report>) override {}
  void on_room() override {}
};

struct Queue {
  Queue() {
    kafka::ProducerOptions options;
    options.name = "micro";
    options.backends = {"127.0.0.1:1"};
    producer = kafka::Producer::create(options, {&reports}, metrics);
    kafka::TopicError error{};
    topic = producer->open_topic("micro", error);
    if (topic == nullptr) throw std::runtime_error("no topic");
  }
  ~Queue() { producer->drain(std::chrono::milliseconds{0}); }
  Queue(const Queue&) = delete;
  Queue& operator=(const Queue&) = delete;

  NoReports reports;
  metrics::Registry metrics;
  std::unique_ptr<kafka::Producer> producer;
  kafka::Topic* topic = nullptr;
};

Step enqueue(bool with_headers) {
  return [queue = std::make_shared<Queue>(), with_headers, payload = std::string(256, 'x')](std::uint64_t) {
    static constexpr std::array<kafka::Header, 3> kHeaders = {
        {{"clientID", "device-0123456789"}, {"mqttTopic", "gateway/gate123/iphone/log"}, {"mqttQos", "1"}}};
    kafka::Record record{.topic = queue->topic, .key = "device-0123456789", .headers = {}, .value = payload};
    if (with_headers) record.headers = kHeaders;
    if (queue->producer->produce(record) != kafka::ProduceResult::Accepted) throw std::runtime_error("not taken");
    return std::uint64_t{1};
  };
}

}  // namespace

std::vector<Scenario> kafka_scenarios() {
  return {{"kafka_enqueue", kTurns, [] { return enqueue(false); }},
          {"kafka_enqueue_3_headers", kTurns, [] { return enqueue(true); }}};
}

}  // namespace mqttproxy::bench::micro
