// The only file that includes rdkafka_mock.h: that header is outside librdkafka's stability guarantee.
#include "mqttproxy/kafka/embedded.hpp"

#include <librdkafka/rdkafka.h>
// After rdkafka.h, as it demands.
#include <mutex>
#include <stdexcept>
#include <vector>

#include <librdkafka/rdkafka_mock.h>

#include "mqttproxy/util/log.hpp"

#include "conf.hpp"
#include "library_log.hpp"
#include "raii.hpp"

namespace mqttproxy::kafka {

struct EmbeddedKafka::Cluster {
  LibraryLog log{"embedded"};
  HandlePtr handle;  // only keeps the books of the mock cluster
  std::unique_ptr<rd_kafka_mock_cluster_t, Destroyer<rd_kafka_mock_cluster_destroy>> mock;
  std::string bootstrap;
};

EmbeddedKafka::EmbeddedKafka() : cluster_(std::make_unique<Cluster>()) {
  ConfPtr conf(rd_kafka_conf_new());
  cluster_->handle = make_handle(std::move(conf), &cluster_->log);
  cluster_->mock.reset(rd_kafka_mock_cluster_new(cluster_->handle.get(), 1));
  if (cluster_->mock == nullptr) throw std::runtime_error("the embedded Kafka cannot open a port on 127.0.0.1");
  cluster_->bootstrap = rd_kafka_mock_cluster_bootstraps(cluster_->mock.get());
}

EmbeddedKafka::~EmbeddedKafka() = default;

std::shared_ptr<EmbeddedKafka> EmbeddedKafka::shared() {
  static std::mutex mutex;
  static std::weak_ptr<EmbeddedKafka> instance;
  const std::scoped_lock lock(mutex);
  if (auto existing = instance.lock()) return existing;
  auto made = std::make_shared<EmbeddedKafka>();
  instance = made;
  spdlog::warn("embedded kafka address={}: nothing here is durable (about 5 MB per partition kept)", made->bootstrap());
  return made;
}

const std::string& EmbeddedKafka::bootstrap() const noexcept {
  return cluster_->bootstrap;
}

void EmbeddedKafka::create_topic(const std::string& name, int partitions) {
  rd_kafka_mock_topic_create(cluster_->mock.get(), name.c_str(), partitions, 1);
}

void EmbeddedKafka::set_topic_error(const std::string& name, std::int16_t code) {
  rd_kafka_mock_topic_set_error(cluster_->mock.get(), name.c_str(), static_cast<rd_kafka_resp_err_t>(code));
}

void EmbeddedKafka::push_request_errors(std::int16_t api_key, std::span<const std::int16_t> codes) {
  std::vector<rd_kafka_resp_err_t> errors;
  errors.reserve(codes.size());
  for (const std::int16_t code : codes) errors.push_back(static_cast<rd_kafka_resp_err_t>(code));
  rd_kafka_mock_push_request_errors_array(cluster_->mock.get(), api_key, errors.size(), errors.data());
}

void EmbeddedKafka::set_round_trip(std::chrono::milliseconds delay) {
  rd_kafka_mock_broker_set_rtt(cluster_->mock.get(), -1, static_cast<int>(delay.count()));
}

void EmbeddedKafka::set_down() {
  rd_kafka_mock_broker_set_down(cluster_->mock.get(), -1);
}

void EmbeddedKafka::set_up() {
  rd_kafka_mock_broker_set_up(cluster_->mock.get(), -1);
}

}  // namespace mqttproxy::kafka
