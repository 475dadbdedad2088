#include "library_stats.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

namespace mqttproxy::kafka {

namespace {

using nlohmann::json;

/// A number of each broker, of which the sum is a metric.
struct Sum {
  const char* key;  // librdkafka's
  std::string_view name;
  std::string_view help;
  bool counter;
};

constexpr std::array<Sum, 9> kSums = {{
    {"waitresp_cnt", "mqttproxy_kafka_inflight_requests", "Requests on their way to Kafka.", false},
    {"waitresp_msg_cnt", "mqttproxy_kafka_inflight_messages", "Records on their way to Kafka.", false},
    {"outbuf_cnt", "mqttproxy_kafka_waiting_requests", "Requests that wait to be sent.", false},
    {"tx", "mqttproxy_kafka_requests_total", "Requests sent to Kafka.", true},
    {"txbytes", "mqttproxy_kafka_sent_bytes_total", "Bytes sent to Kafka.", true},
    {"rxbytes", "mqttproxy_kafka_received_bytes_total", "Bytes received from Kafka.", true},
    {"txretries", "mqttproxy_kafka_retries_total", "Requests sent again.", true},
    {"req_timeouts", "mqttproxy_kafka_timeouts_total", "Requests that Kafka did not answer in time.", true},
    {"disconnects", "mqttproxy_kafka_disconnects_total", "Connections to brokers that ended.", true},
}};

double number(const json& object, const char* key) {
  const auto it = object.find(key);
  return it != object.end() && it->is_number() ? it->get<double>() : 0;
}

/// Everything but topics and partitions, of which there may be many.
json read(const std::string& text) {
  const auto wanted = [](int /*depth*/, json::parse_event_t event, const json& value) {
    return event != json::parse_event_t::key || value != "topics";
  };
  return json::parse(text, wanted, false);
}

}  // namespace

void LibraryStats::take(std::string json) {
  const std::scoped_lock lock(mutex_);
  json_ = std::move(json);
}

void LibraryStats::collect(metrics::Scrape& scrape, const std::string& producer) const {
  std::string text;
  {
    const std::scoped_lock lock(mutex_);
    text = json_;
  }
  if (text.empty()) return;
  const json stats = read(text);
  if (!stats.is_object()) return;
  const metrics::Labels labels = {{"producer", producer}};
  scrape.gauge("mqttproxy_kafka_queue_bytes", "Bytes of the records in the queue.", number(stats, "msg_size"), labels);
  const auto brokers = stats.find("brokers");
  if (brokers == stats.end() || !brokers->is_object()) return;
  for (const Sum& sum : kSums) {
    double total = 0;
    for (const json& broker : *brokers) total += number(broker, sum.key);
    sum.counter ? scrape.counter(sum.name, sum.help, total, labels) : scrape.gauge(sum.name, sum.help, total, labels);
  }
  double slowest_us = 0;
  for (const json& broker : *brokers) {
    if (const auto rtt = broker.find("rtt"); rtt != broker.end()) {
      slowest_us = std::max(slowest_us, number(*rtt, "p99"));
    }
  }
  scrape.gauge("mqttproxy_kafka_round_trip_seconds", "99th percentile of a request's time, of the slowest broker.",
               slowest_us / 1e6, labels);
}

}  // namespace mqttproxy::kafka
