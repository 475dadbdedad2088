#include "mqttproxy/kafka/partitioner.hpp"

#include <librdkafka/rdkafka.h>

namespace mqttproxy::kafka {

std::int32_t murmur2_partition(std::string_view key, std::int32_t partitions) {
  // It looks at no topic.
  return rd_kafka_msg_partitioner_murmur2(nullptr, key.data(), key.size(), partitions, nullptr, nullptr);
}

}  // namespace mqttproxy::kafka
