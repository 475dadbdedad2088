// The body of POST …/topics/publish: bytes to messages, or what is wrong with them. Pure function, fuzzed.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "mqttproxy/downlink/message.hpp"

namespace mqttproxy::http {

/// Messages one body may hold.
inline constexpr std::size_t kMaxBatch = 10'000;

struct TopicLimits {
  std::size_t max_bytes = 4'096;
  std::size_t max_levels = 128;
};

struct PublishBody {
  std::vector<downlink::Message> messages{};  // never empty without an error
  std::string error{};                        // empty: none. Names the place and what is allowed there
};

/// One JSON object {topic, qos, payload, base64, distributed}, or an array of such objects. Keys are compared without
/// regard to letter case, unknown ones are skipped; what is missing or null has its zero value; of a key given twice
/// the last one counts. Every message that comes out is valid and belongs to `proxy`.
[[nodiscard]] PublishBody parse_publish_body(std::string_view body, std::string_view proxy, const TopicLimits& limits);

}  // namespace mqttproxy::http
