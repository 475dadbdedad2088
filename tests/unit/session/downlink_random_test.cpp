// Clients that connect, drop, come back, subscribe, receive and acknowledge in any order, against the registry and the
// protocol core, without sockets: no QoS 1 message of a persistent session is lost, and none overtakes another.
#include <deque>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "mqttproxy/session/core.hpp"

namespace mqttproxy::session {
namespace {

using mqtt::PacketType;
using mqtt::Qos;

constexpr mqtt::DecodeLimits kLimits{};

/// One device with a persistent session, and the wire to it: what is on it when the connection drops may be lost.
class Device final : public Host {
 public:
  Device(Registry& registry, std::string client_id, std::uint32_t number)
      : registry_(registry), client_id_(std::move(client_id)), number_(number) {}

  [[nodiscard]] bool online() const { return core_ != nullptr; }

  void connect(PacketCounters& counters) {
    connection_ = Handle{number_, ++generation_};
    core_ = std::make_unique<Core>(*this, settings_, counters);
    mqtt::Connect packet;
    packet.client_id = client_id_;
    packet.clean_session = false;
    std::string bytes;
    mqtt::encode_connect(bytes, packet);
    feed(bytes);
    ASSERT_EQ(core_->state(), Core::State::Connected);
  }

  void subscribe(std::string_view filter) {
    std::string bytes;
    mqtt::encode_subscribe(bytes, {.packet_id = 9, .requests = {{.filter = filter, .qos = Qos::AtLeastOnce}}});
    feed(bytes);
  }

  /// The server writes what is due.
  void flush() {
    Session* session = core_->session();
    session->flush_due = false;
    if (!session->outbox) return;
    while (const auto next = session->outbox->take()) {
      ASSERT_LE(session->outbox->inflight(), kWindow);
      next->delivery->encode_head(wire_, next->qos, next->packet_id, next->dup);
      wire_ += next->delivery->payload();
    }
  }

  /// The device reads one packet; it owes an acknowledgement for a PUBLISH.
  void read() {
    const auto header = mqtt::decode_fixed_header(wire_, kLimits);
    ASSERT_TRUE(header);
    if (!*header) return;
    const std::string body = wire_.substr((*header)->header_bytes, (*header)->remaining_length);
    if ((*header)->type == PacketType::Publish) {
      const auto publish = mqtt::decode_publish((*header)->flags, body, kLimits);
      ASSERT_TRUE(publish);
      const unsigned long sequence = std::stoul(std::string(publish->payload));
      // A repetition is marked, and nothing but a repetition repeats. [MQTT-3.3.1-1]
      if (sequence < next_) {
        EXPECT_TRUE(publish->dup) << client_id_ << " got " << sequence << " again without DUP";
      } else {
        EXPECT_EQ(sequence, next_) << client_id_ << ": lost or overtaken";
        next_ = sequence + 1;
      }
      unacknowledged_.push_back(publish->packet_id);
    }
    wire_.erase(0, (*header)->packet_bytes());
  }

  void acknowledge() {
    if (unacknowledged_.empty()) return;
    std::string bytes;
    mqtt::encode_packet_id(bytes, PacketType::Puback, unacknowledged_.front());
    unacknowledged_.pop_front();
    feed(bytes);
  }

  void drop() {
    core_->close(CloseCause::ConnectionLost, "dropped");
    core_.reset();
    wire_.clear();
    unacknowledged_.clear();
    registry_.detach(session_, connection_, {});
  }

  [[nodiscard]] unsigned long received() const { return next_; }
  [[nodiscard]] bool idle() {
    const Session* session = registry_.find(session_);
    return wire_.empty() && unacknowledged_.empty() &&
           (!session->outbox || (session->outbox->queued() == 0 && session->outbox->inflight() == 0));
  }
  [[nodiscard]] Handle connection() const { return connection_; }

  static constexpr std::size_t kWindow = 3;

 private:
  void feed(const std::string& bytes) {
    EXPECT_EQ(core_->feed(bytes, wire_), bytes.size());
    EXPECT_NE(core_->state(), Core::State::Closed) << core_->close_detail();
  }

  Step on_connect(const mqtt::Connect& packet, ConnectAnswer& answer) override {
    const Registry::Attached attached = registry_.attach(packet.client_id, packet.clean_session, connection_);
    EXPECT_EQ(attached.session_present, known_);  // [MQTT-3.2.2-2]
    known_ = true;
    session_ = attached.session;
    answer = {mqtt::ConnectReturnCode::Accepted, attached.session_present, registry_.find(session_)};
    return Step::Done;
  }
  PublishStep on_publish(const mqtt::Publish&, AckWindow::Sequence) override { return PublishStep::Acknowledge; }
  Step on_subscribe(const mqtt::Subscribe& packet, std::vector<std::uint8_t>& codes) override {
    for (const auto& request : packet.requests) {
      codes.push_back(registry_.subscribe(session_, request.filter, request.qos));
      EXPECT_EQ(codes.back(), 1);
    }
    return Step::Done;
  }
  Step on_unsubscribe(const mqtt::Unsubscribe&) override { return Step::Done; }

  Registry& registry_;
  const std::string client_id_;
  const std::uint32_t number_;
  const CoreSettings settings_;
  std::unique_ptr<Core> core_;
  Handle session_;
  Handle connection_;
  std::uint32_t generation_ = 0;
  std::string wire_;
  std::deque<mqtt::PacketId> unacknowledged_;
  unsigned long next_ = 0;
  bool known_ = false;
};

class DownlinkRandom : public ::testing::TestWithParam<unsigned> {};

TEST_P(DownlinkRandom, nothing_is_lost_and_nothing_overtakes_MQTT_4_6_0_6) {
  std::mt19937 random(GetParam());
  PacketCounters packets;
  OutboxCounters counters;
  Registry registry({{.inflight = Device::kWindow, .queue_messages = 100'000}, 10}, counters);
  std::deque<Device> devices;
  for (std::uint32_t i = 0; i < 5; ++i) {
    Device& device = devices.emplace_back(registry, "device" + std::to_string(i), i);
    device.connect(packets);
    // Overlapping filters: still one copy of each message.
    for (const char* filter : {"all/#", "all/+", "+/x"}) device.subscribe(filter);
    while (!device.idle()) device.read();
  }
  auto publish = [&, sequence = 0UL]() mutable {
    const auto payload = std::make_shared<const std::string>(std::to_string(sequence++));
    const DeliveryPtr delivery(new Delivery(payload, "all/x", *payload, Qos::AtLeastOnce));
    EXPECT_EQ(registry.deliver(delivery, "all/x", [](Handle) {}), devices.size());
    return sequence;
  };
  unsigned long published = 0;
  for (int step = 0; step < 4'000; ++step) {
    Device& device = devices[random() % devices.size()];
    const auto what = random() % 100;
    if (what < 20) {
      published = publish();
    } else if (!device.online()) {
      if (what < 60) device.connect(packets);
    } else if (what < 25) {
      device.drop();
    } else if (what < 50) {
      device.flush();
    } else if (what < 75) {
      device.read();
    } else {
      device.acknowledge();
    }
    if (HasFatalFailure()) return;
  }
  for (Device& device : devices) {
    if (!device.online()) device.connect(packets);
    for (std::size_t bound = 10 * published + 100; !device.idle() && bound > 0; --bound) {
      device.flush();
      device.read();
      device.acknowledge();
    }
    EXPECT_TRUE(device.idle());
    EXPECT_EQ(device.received(), published);
  }
  EXPECT_EQ(counters[OutboxEvent::DroppedFull].get(), 0U);
  EXPECT_EQ(counters[OutboxEvent::Queued].get(), 0U);
  EXPECT_EQ(counters[OutboxEvent::Inflight].get(), 0U);
}

INSTANTIATE_TEST_SUITE_P(Seeds, DownlinkRandom, ::testing::Range(1U, 51U));

}  // namespace
}  // namespace mqttproxy::session
