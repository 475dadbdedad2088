#include "mqttproxy/kafka/partition_finder.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <stdexcept>

#include <librdkafka/rdkafka.h>

#include "mqttproxy/kafka/embedded.hpp"

#include "conf.hpp"
#include "raii.hpp"

namespace mqttproxy::kafka {

namespace {

using MetadataPtr = std::unique_ptr<const rd_kafka_metadata_t, Destroyer<rd_kafka_metadata_destroy>>;

constexpr int kAnswerWithinMs = 3'000;

struct Partitioner {
  std::string_view name;
  std::int32_t (*choose)(const rd_kafka_topic_t*, const void* key, std::size_t, std::int32_t count, void*, void*);
  bool spreads_no_key;
  bool spreads_empty_key;
};

constexpr std::array<Partitioner, 7> kPartitioners = {{
    {"random", nullptr, true, true},
    {"consistent", rd_kafka_msg_partitioner_consistent, false, false},
    {"consistent_random", rd_kafka_msg_partitioner_consistent_random, true, true},
    {"murmur2", rd_kafka_msg_partitioner_murmur2, false, false},
    {"murmur2_random", rd_kafka_msg_partitioner_murmur2_random, true, false},
    {"fnv1a", rd_kafka_msg_partitioner_fnv1a, false, false},
    {"fnv1a_random", rd_kafka_msg_partitioner_fnv1a_random, true, false},
}};

std::string partitioner_of(const rd_kafka_conf_t* conf) {
  std::array<char, 64> name{};
  std::size_t size = name.size();
  if (rd_kafka_conf_get(conf, "partitioner", name.data(), &size) != RD_KAFKA_CONF_OK) return {};
  return name.data();
}

}  // namespace

/// Connects when the first topic is asked for.
struct PartitionFinder::Client {
  HandlePtr handle;
};

struct PartitionFinder::Answer {
  std::int32_t partitions = 0;
  std::string problem;
};

PartitionFinder::PartitionFinder(const ProducerOptions& options) : options_(options) {}

PartitionFinder::~PartitionFinder() = default;

std::string PartitionFinder::find(const std::string& topic, std::optional<std::string_view> key) {
  const Answer answer = count(topic);
  if (!answer.problem.empty()) return "unknown: " + answer.problem;
  const auto* partitioner = std::ranges::find(kPartitioners, partitioner_, &Partitioner::name);
  if (partitioner == kPartitioners.end()) return "unknown: partitioner " + partitioner_;
  const std::string of = " of " + std::to_string(answer.partitions);
  const bool spread = partitioner->choose == nullptr || (!key && partitioner->spreads_no_key) ||
                      (key && key->empty() && partitioner->spreads_empty_key);
  if (spread) return "any" + of;
  const std::string_view bytes = key.value_or(std::string_view());
  // The topic handle matters to them only where they spread.
  return std::to_string(partitioner->choose(nullptr, bytes.data(), bytes.size(), answer.partitions, nullptr, nullptr)) +
         of;
}

PartitionFinder::Answer PartitionFinder::count(const std::string& topic) try {
  if (!client_) {
    ConfPtr conf = make_conf(options_);
    partitioner_ = partitioner_of(conf.get());
    client_ = std::make_unique<Client>();
    if (!is_embedded(options_.backends)) {
      if (const auto problem = set_property(conf.get(), "bootstrap.servers", bootstrap_servers(options_.backends))) {
        return {0, "backend: " + *problem};
      }
      client_->handle = make_handle(std::move(conf), nullptr);
    }
  }
  if (client_->handle == nullptr) return {kEmbeddedPartitions, {}};

  // All topics: a request that names one could make it.
  constexpr int kAllTopics = 1;
  const rd_kafka_metadata_t* received = nullptr;
  const auto error = rd_kafka_metadata(client_->handle.get(), kAllTopics, nullptr, &received, kAnswerWithinMs);
  const MetadataPtr metadata(received);
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return {0, "Kafka " + bootstrap_servers(options_.backends) + ": " + rd_kafka_err2str(error)};
  }
  for (const rd_kafka_metadata_topic_t& known :
       std::span(metadata->topics, static_cast<std::size_t>(metadata->topic_cnt))) {
    if (topic == known.topic && known.partition_cnt > 0) return {known.partition_cnt, {}};
  }
  return {0, "Kafka has no such topic yet, or this client may not see it"};
} catch (const std::runtime_error& problem) {
  return {0, problem.what()};
}

}  // namespace mqttproxy::kafka
