// Which partition a key belongs to, for records that name theirs.
#pragma once

#include <cstdint>
#include <string_view>

namespace mqttproxy::kafka {

/// As Java's and librdkafka's murmur2 partitioner has it. 0 to partitions-1.
[[nodiscard]] std::int32_t murmur2_partition(std::string_view key, std::int32_t partitions);

}  // namespace mqttproxy::kafka
