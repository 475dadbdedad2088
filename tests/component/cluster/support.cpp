#include "support.hpp"

#include <algorithm>
#include <thread>

#include "mqttproxy/downlink/kafka_bus.hpp"

#include "cluster/records.hpp"

namespace mqttproxy::cluster::testing {

namespace {

using namespace std::chrono_literals;

constexpr const char* kSessions = "sessions";
constexpr const char* kDownlink = "downlink";
/// Only so that a test that hangs ends.
constexpr auto kHangGuard = 60s;

}  // namespace

bool FakeWorker::deliver(const downlink::MessagePtr& message) {
  const std::scoped_lock lock(mutex_);
  set_offset(position_, message->partition, message->offset + 1);
  return true;
}

void FakeWorker::begin(std::int32_t partition, std::int64_t offset) {
  const std::scoped_lock lock(mutex_);
  set_offset(position_, partition, offset);
}

void FakeWorker::on_lost(Seat, Loss loss) {
  last_loss = loss;
  ++lost;
}

void FakeWorker::on_collect(std::uint64_t round) {
  Progress progress;
  {
    const std::scoped_lock lock(mutex_);
    progress.position = position_;
  }
  cluster_->store().report(0, round, std::move(progress));
}

ClusterTest::ClusterTest() {
  kafka_->create_topic(kSessions, 1);
  kafka_->create_topic(kDownlink, 1);
  options_.node = "n";
  options_.backends = {"embedded"};
  options_.properties = {{"fetch.wait.max.ms", "10"}};  // the mock cluster waits for all of it
  options_.sessions.name = kSessions;
  options_.sessions.partitions = 1;
  options_.downlink.name = kDownlink;
  options_.downlink.partitions = 1;
  options_.rules.proxies = {"p"};
  kafka::ProducerOptions producer;
  producer.name = "test";
  producer.backends = {"embedded"};
  producer_ = kafka::Producer::create(producer, {&stored_}, producers_registry_);
}

ClusterTest::~ClusterTest() {
  if (bus_) bus_->stop(0ms);
  if (cluster_) cluster_->drain(100ms);
  (void)producer_->drain(100ms);
}

void StoredRecords::on_reports(std::vector<kafka::Report> reports) {
  count += static_cast<std::size_t>(std::ranges::count(reports, kafka::Outcome::Stored, &kafka::Report::outcome));
}

void ClusterTest::put(const char* topic, const std::string& key, const std::string& value) {
  kafka::TopicError error{};
  kafka::Record record;
  record.topic = producer_->open_topic(topic, error);
  record.partition = 0;
  record.key = key;
  record.value = value;
  record.token = ++put_;
  wait_until("room", [&] { return producer_->produce(record) != kafka::ProduceResult::QueueFull; });
}

void ClusterTest::put_session(const std::string& client) {
  State state;
  state.claim = {"gone:0", 1};
  state.number = 2;
  state.session = true;
  state.expiry_seconds = 86'400;
  state.cut.filters = {{"t", mqtt::Qos::AtLeastOnce}};
  state.cut.from = {0};
  put(kSessions, encode(Key{Kind::State, client_name("p", client)}), encode(Record(state)));
}

void ClusterTest::put_message(const std::string& topic) {
  put(kDownlink, topic, "x");
}

void ClusterTest::wait_stored() {
  wait_until("stored", [this] { return stored_.count == put_; });
}

void ClusterTest::start() {
  cluster_ = Cluster::create(options_, registry_);
  cluster_->start({&worker_});
  downlink::KafkaBusOptions bus;
  bus.backends = options_.backends;
  bus.topic = options_.downlink;
  bus.rules = options_.rules;
  bus.properties = options_.properties;
  bus_ = downlink::make_kafka_bus(bus, {&cluster_->port(), &worker_}, registry_);
  wait_until("ready", [this] { return cluster_->reason_not_ready().empty(); });
}

void ClusterTest::claim(const std::string& client) {
  cluster_->store().claim({0, ++seat_}, {"p", client, false, 3'600s, std::chrono::steady_clock::now(), 0});
}

double ClusterTest::metric(const std::string& name) {
  const std::string text = registry_.serialize();
  const auto at = text.find("\n" + name + " ");
  return at == std::string::npos ? -1 : std::stod(text.substr(at + name.size() + 2));
}

void ClusterTest::wait_until(const char* what, const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + kHangGuard;
  while (!condition()) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline) << what;
    std::this_thread::sleep_for(1ms);
  }
}

}  // namespace mqttproxy::cluster::testing
