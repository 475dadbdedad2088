// What tests of the cluster's protocol have in common.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "mqttproxy/downlink/message.hpp"

#include "cluster/records.hpp"

namespace mqttproxy::cluster::test {

inline const std::string kClient = "p/c";

/// "node:life#number".
inline LifeId id(std::string_view text) {
  return decode_life_id(text).value();
}

inline Cut cut_from(Offsets from, std::vector<Reference> references = {}) {
  return {{{"a", mqtt::Qos::AtLeastOnce}}, std::move(references), std::move(from)};
}

inline downlink::MessagePtr message(std::int32_t partition, std::int64_t offset, std::string_view topic = "a",
                                    mqtt::Qos qos = mqtt::Qos::AtLeastOnce, std::string_view proxy = "p") {
  downlink::Message made;
  made.proxy = proxy;
  made.topic = topic;
  made.qos = qos;
  made.partition = partition;
  made.offset = offset;
  return std::make_shared<const downlink::Message>(std::move(made));
}

}  // namespace mqttproxy::cluster::test
