// A message to devices as one worker sends it: its packet is encoded once for each QoS, and every subscriber's session
// of that worker refers to it.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/smart_ptr/intrusive_ref_counter.hpp>

#include "mqttproxy/mqtt/packets.hpp"

namespace mqttproxy::session {

/// Where a message stands in the downlink topic; partition -1: it is not from there.
struct Position {
  std::int32_t partition = -1;
  std::int64_t offset = -1;

  friend bool operator==(const Position&, const Position&) = default;
};

/// Owner: one worker's thread (the reference count is not atomic).
class Delivery : public boost::intrusive_ref_counter<Delivery, boost::thread_unsafe_counter> {
 public:
  /// `owner` keeps what `topic` and `payload` point to.
  Delivery(std::shared_ptr<const void> owner, std::string_view topic, std::string_view payload, mqtt::Qos qos,
           Position position = {})
      : owner_(std::move(owner)), topic_(topic), payload_(payload), position_(position), qos_(qos) {}

  [[nodiscard]] mqtt::Qos qos() const noexcept { return qos_; }
  [[nodiscard]] Position position() const noexcept { return position_; }
  [[nodiscard]] std::string_view payload() const noexcept { return payload_; }
  /// What the message counts for in a queue.
  [[nodiscard]] std::size_t bytes() const noexcept { return topic_.size() + payload_.size() + kPacketOverhead; }

  /// Appends everything of the PUBLISH that comes before the payload. `packet_id`: 0 with QoS 0.
  void encode_head(std::string& out, mqtt::Qos qos, mqtt::PacketId packet_id, bool dup) const;

 private:
  static constexpr std::size_t kPacketOverhead = 16;

  std::shared_ptr<const void> owner_;
  std::string_view topic_;
  std::string_view payload_;
  Position position_;
  mqtt::Qos qos_;
  mutable std::array<std::string, 2> heads_;  // by QoS, encoded when first sent
};

using DeliveryPtr = boost::intrusive_ptr<const Delivery>;

}  // namespace mqttproxy::session
