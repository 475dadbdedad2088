// The floor under the uplink figures: librdkafka alone, with the daemon's own settings (kafka/conf.hpp), key and three
// headers, with the same number of records under way. What mqttproxy costs beyond this is ours.
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <getopt.h>
#include <librdkafka/rdkafka.h>
#include <nlohmann/json.hpp>

#include "kafka/conf.hpp"
#include "load/error.hpp"
#include "load/histogram.hpp"
#include "load/process.hpp"
#include "load/sockets.hpp"

namespace {

using namespace mqttproxy::bench;
namespace kafka = mqttproxy::kafka;

struct ProducerOptions {
  std::string brokers = "127.0.0.1:9092";
  std::string topic = "bench";
  std::uint64_t in_flight = 1'600;
  std::uint64_t keys = 50;
  std::size_t payload_bytes = 256;
  double seconds = 5;
  double warmup = 1;
  double rate = 0;                                              // records per second; 0: as fast as reports come
  std::vector<std::pair<std::string, std::string>> properties;  // besides the daemon's own
};

struct Device {
  std::string client_id;
  std::string mqtt_topic;
};

/// Everything runs on the calling thread, delivery callbacks included.
class RawProducer {
 public:
  explicit RawProducer(const ProducerOptions& options) : options_(options), payload_(options.payload_bytes, 'x') {
    for (std::uint64_t i = 0; i < options.keys; ++i) {
      devices_.push_back({"bench-" + std::to_string(i), "bench/" + std::to_string(i)});
    }
    // The daemon's own settings, whatever they are.
    kafka::ProducerOptions settings;
    settings.name = "rawproducer";
    settings.properties = options.properties;
    kafka::ConfPtr conf = kafka::make_conf(settings);
    if (const auto problem = kafka::set_property(conf.get(), "bootstrap.servers", options.brokers)) {
      throw LoadError(*problem);
    }
    settings_ = settings_of(conf.get());
    rd_kafka_conf_set_events(conf.get(), 0);
    rd_kafka_conf_set_opaque(conf.get(), this);
    rd_kafka_conf_set_dr_msg_cb(conf.get(), on_report);
    std::array<char, 512> error{};
    producer_.reset(rd_kafka_new(RD_KAFKA_PRODUCER, conf.get(), error.data(), error.size()));
    if (!producer_) throw LoadError(error.data());
    (void)conf.release();  // NOLINT(bugprone-unused-return-value): the producer owns it now
    topic_.reset(rd_kafka_topic_new(producer_.get(), options.topic.c_str(), nullptr));
    if (!topic_) throw LoadError("rd_kafka_topic_new failed");
  }

  /// Produces for `seconds`, then waits for the last report. Returns the number of records.
  std::uint64_t run(double seconds) {
    const Nanoseconds begin = monotonic_now();
    latency_ = Histogram{};
    produced_ = 0;
    for (Nanoseconds now = begin; std::chrono::duration<double>(now - begin).count() < seconds; now = monotonic_now()) {
      if (options_.rate > 0) {
        produce_paced(begin, now);
      } else {
        for (std::uint64_t room = options_.in_flight - outstanding_; room > 0; --room) produce(now);
        rd_kafka_poll(producer_.get(), 100);
      }
      if (!failure_.empty()) throw LoadError("delivery failed: " + failure_);
    }
    while (outstanding_ > 0 && failure_.empty()) rd_kafka_poll(producer_.get(), 100);
    if (!failure_.empty()) throw LoadError("delivery failed: " + failure_);
    return produced_;
  }

  [[nodiscard]] const Histogram& latency() const { return latency_; }
  /// What the daemon sets, as librdkafka took it.
  [[nodiscard]] const nlohmann::ordered_json& settings() const { return settings_; }

 private:
  struct Destroy {
    void operator()(rd_kafka_t* producer) const { rd_kafka_destroy(producer); }
    void operator()(rd_kafka_topic_t* topic) const { rd_kafka_topic_destroy(topic); }
  };

  static nlohmann::ordered_json settings_of(const rd_kafka_conf_t* conf) {
    nlohmann::ordered_json result;
    for (const char* name :
         {"acks", "enable.idempotence", "linger.ms", "batch.num.messages", "batch.size", "compression.codec",
          "partitioner", "queue.buffering.max.messages", "queue.buffering.max.kbytes"}) {
      std::array<char, 64> value{};
      std::size_t size = value.size();
      if (rd_kafka_conf_get(conf, name, value.data(), &size) == RD_KAFKA_CONF_OK) result[name] = value.data();
    }
    return result;
  }

  void produce_paced(Nanoseconds begin, Nanoseconds now) {
    const auto due_at = [&] {
      return begin + Nanoseconds{static_cast<std::int64_t>(static_cast<double>(produced_ + 1) / options_.rate * 1e9)};
    };
    while (due_at() <= now && outstanding_ < options_.in_flight) produce(now);
    rd_kafka_poll(producer_.get(), 0);
    const Nanoseconds wake = std::max(due_at(), now);
    const auto whole = std::chrono::duration_cast<std::chrono::seconds>(wake);
    const timespec at{whole.count(), (wake - whole).count()};
    ::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, nullptr);
  }

  void produce(Nanoseconds now) {
    const Device& device = devices_[produced_ % devices_.size()];
    std::array<rd_kafka_vu_t, 8> fields{};
    fields[0].vtype = RD_KAFKA_VTYPE_RKT;
    fields[0].u.rkt = topic_.get();
    fields[1].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
    fields[1].u.i = RD_KAFKA_MSG_F_COPY;
    fields[2].vtype = RD_KAFKA_VTYPE_VALUE;
    fields[2].u.mem = {payload_.data(), payload_.size()};
    fields[3].vtype = RD_KAFKA_VTYPE_KEY;
    fields[3].u.mem = {const_cast<char*>(device.client_id.data()), device.client_id.size()};
    fields[4].vtype = RD_KAFKA_VTYPE_OPAQUE;
    // The opaque is a number here and never followed.  NOLINTNEXTLINE(performance-no-int-to-ptr)
    fields[4].u.ptr = reinterpret_cast<void*>(now.count());
    set_header(fields[5], "clientID", device.client_id);
    set_header(fields[6], "mqttTopic", device.mqtt_topic);
    set_header(fields[7], "mqttQos", "1");
    if (rd_kafka_error_t* error = rd_kafka_produceva(producer_.get(), fields.data(), fields.size())) {
      const std::string text = rd_kafka_error_string(error);
      rd_kafka_error_destroy(error);
      throw LoadError("produce: " + text);
    }
    ++produced_;
    ++outstanding_;
  }

  static void set_header(rd_kafka_vu_t& field, const char* name, std::string_view value) {
    field.vtype = RD_KAFKA_VTYPE_HEADER;
    field.u.header = {name, value.data(), static_cast<ssize_t>(value.size())};
  }

  static void on_report(rd_kafka_t*, const rd_kafka_message_t* message, void* opaque) {
    auto& self = *static_cast<RawProducer*>(opaque);
    --self.outstanding_;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      self.failure_ = rd_kafka_err2str(message->err);
      return;
    }
    self.latency_.record(monotonic_now() - Nanoseconds{reinterpret_cast<std::int64_t>(message->_private)});
  }

  const ProducerOptions& options_;
  std::string payload_;
  std::vector<Device> devices_;
  std::unique_ptr<rd_kafka_t, Destroy> producer_;
  std::unique_ptr<rd_kafka_topic_t, Destroy> topic_;  // destroyed before the producer
  std::uint64_t produced_ = 0;
  std::uint64_t outstanding_ = 0;
  std::string failure_;
  Histogram latency_;
  nlohmann::ordered_json settings_;
};

constexpr const char* kUsage =
    "usage: rawproducer [--brokers LIST] [--topic NAME] [--in-flight N] [--keys N] [--payload BYTES] [--seconds S]\n"
    "                   [--warmup S] [--rate R] [--property NAME=VALUE]…\n"
    "prints one JSON object\n";

double number(const char* text) {
  char* end = nullptr;
  const double value = std::strtod(text, &end);
  if (end == text || *end != '\0' || !(value >= 0)) throw LoadError(std::string("not a number: ") + text);
  return value;
}

ProducerOptions parse(int argc, char** argv) {
  static constexpr std::array<option, 10> kOptions = {{{"brokers", required_argument, nullptr, 'b'},
                                                       {"topic", required_argument, nullptr, 't'},
                                                       {"in-flight", required_argument, nullptr, 'f'},
                                                       {"keys", required_argument, nullptr, 'k'},
                                                       {"payload", required_argument, nullptr, 'p'},
                                                       {"seconds", required_argument, nullptr, 's'},
                                                       {"warmup", required_argument, nullptr, 'w'},
                                                       {"rate", required_argument, nullptr, 'r'},
                                                       {"property", required_argument, nullptr, 'o'},
                                                       {nullptr, 0, nullptr, 0}}};
  ProducerOptions options;
  for (int which = 0; (which = ::getopt_long(argc, argv, "", kOptions.data(), nullptr)) != -1;) {
    switch (which) {
      case 'b':
        options.brokers = optarg;
        break;
      case 't':
        options.topic = optarg;
        break;
      case 'f':
        options.in_flight = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(number(optarg)));
        break;
      case 'k':
        options.keys = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(number(optarg)));
        break;
      case 'p':
        options.payload_bytes = static_cast<std::size_t>(number(optarg));
        break;
      case 's':
        options.seconds = number(optarg);
        break;
      case 'w':
        options.warmup = number(optarg);
        break;
      case 'r':
        options.rate = number(optarg);
        break;
      case 'o': {
        const std::string property = optarg;
        const std::size_t equals = property.find('=');
        if (equals == std::string::npos) throw LoadError("--property needs NAME=VALUE: " + property);
        options.properties.emplace_back(property.substr(0, equals), property.substr(equals + 1));
        break;
      }
      default:
        throw LoadError(kUsage);
    }
  }
  if (optind != argc) throw LoadError(kUsage);
  return options;
}

void measure(const ProducerOptions& options) {
  RawProducer producer(options);
  (void)producer.run(options.warmup);
  const CpuTime before = own_cpu_time();
  const Nanoseconds begin = monotonic_now();
  const std::uint64_t records = producer.run(options.seconds);
  const double elapsed = std::chrono::duration<double>(monotonic_now() - begin).count();
  const CpuTime cost = own_cpu_time() - before;
  const auto each = [&](std::chrono::microseconds time) {
    return static_cast<double>(time.count()) / static_cast<double>(std::max<std::uint64_t>(records, 1));
  };
  const auto latency = [&](double fraction) {
    return static_cast<double>(producer.latency().percentile(fraction).count()) / 1000.0;
  };
  const nlohmann::ordered_json result = {
      {"records", records},
      {"in_flight", options.in_flight},
      {"settings", producer.settings()},
      {"per_second", static_cast<double>(records) / elapsed},
      {"latency_us", {{"p50", latency(0.5)}, {"p95", latency(0.95)}, {"p99", latency(0.99)}, {"max", latency(1.0)}}},
      {"cpu_us", {{"total", each(cost.total())}, {"user", each(cost.user)}, {"system", each(cost.system)}}}};
  std::printf("%s\n", result.dump().c_str());
}

}  // namespace

int main(int argc, char** argv) {
  try {
    measure(parse(argc, argv));
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "rawproducer: %s\n", error.what());
    return 1;
  }
}
