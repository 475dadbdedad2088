// The input is the body of a publish request. Whatever comes out is fit to be published, and means what a plain JSON
// parser says it means.
#include <cstdint>
#include <string_view>

#include <nlohmann/json.hpp>

#include "mqttproxy/mqtt/topic.hpp"

#include "http/publish_body.hpp"
#include "require.hpp"

namespace {

using mqttproxy::fuzz::require;
using namespace mqttproxy;

constexpr http::TopicLimits kLimits{64, 8};

void check(const downlink::Message& message) {
  require(message.proxy == "proxy", "messages belong to the proxy");
  require(mqtt::is_topic_name(message.topic, kLimits.max_levels), "topics are names");
  require(mqtt::is_mqtt_utf8(message.topic), "topics are UTF-8");
  require(message.topic.size() <= kLimits.max_bytes, "topics are within their length");
  require(message.qos != mqtt::Qos::ExactlyOnce, "QoS is 0 or 1");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  const http::PublishBody parsed = http::parse_publish_body(body, "proxy", kLimits);
  require(parsed.error.size() < 200, "errors do not repeat the body");

  const auto document = nlohmann::json::parse(body, nullptr, false);
  if (!parsed.error.empty()) return 0;
  require(!document.is_discarded(), "only JSON passes");
  require(document.is_object() || document.is_array(), "only objects and arrays pass");
  require(!parsed.messages.empty(), "no error, so there are messages");
  require(parsed.messages.size() == (document.is_array() ? document.size() : 1), "one message per object");
  for (const downlink::Message& message : parsed.messages) check(message);
  return 0;
}
