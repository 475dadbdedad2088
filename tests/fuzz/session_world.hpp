// The sessions of one worker with everything around them that has no socket: connections, records on their way to
// Kafka, and for each client id a plain model of what its client knows. Every outcome is held against that model.
#pragma once

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "mqttproxy/session/core.hpp"

#include "require.hpp"

namespace mqttproxy::fuzz {

using namespace session;
using mqtt::PacketId;
using mqtt::PacketType;
using mqtt::Qos;

constexpr mqtt::DecodeLimits kLimits{.max_packet_bytes = 300,
                                     .max_client_id_bytes = 4,
                                     .max_topic_bytes = 12,
                                     .max_topic_levels = 4,
                                     .max_filters_per_packet = 3};
constexpr std::uint16_t kInflight = 3;
constexpr std::uint32_t kQueueMessages = 5;
constexpr std::uint64_t kQueueBytes = 200;
constexpr std::uint32_t kAckWindow = 4;
constexpr std::uint32_t kFilters = 4;

/// What a client with a session knows of it.
struct Client {
  struct Received {
    PacketId packet_id;
    unsigned long number;
    bool acknowledged;
  };
  std::deque<Received> unacknowledged;  // QoS 1, in the order of their first sending
  std::size_t again = 0;                // the next of them that a new connection repeats
  unsigned long last = 0;               // number of the newest message
  std::set<PacketId> stored;            // QoS 2, published, in Kafka, not released
  bool kept = false;                    // its session outlives a connection

  void acknowledge(PacketId packet_id) {
    const auto known = std::ranges::find(unacknowledged, packet_id, &Received::packet_id);
    if (known != unacknowledged.end()) known->acknowledged = true;
    while (!unacknowledged.empty() && unacknowledged.front().acknowledged) {
      unacknowledged.pop_front();
      again -= again > 0 ? 1 : 0;
    }
  }

  void receive(const mqtt::Publish& packet) {
    const unsigned long number = std::stoul(std::string(packet.payload));
    require(packet.qos != Qos::ExactlyOnce && !packet.retain, "no QoS 2 and no retained message goes to clients");
    if (packet.dup) return receive_again(packet, number);
    require(number > last, "a new message is newer than all before [MQTT-4.6.0-6]");
    last = number;
    if (packet.qos == Qos::AtMostOnce) return;
    skip_acknowledged();
    require(again == unacknowledged.size(), "what is in flight comes before what is new [MQTT-4.4.0-1]");
    require(packet.packet_id != 0, "a packet id is not 0 [MQTT-2.3.1-1]");
    require(std::ranges::find(unacknowledged, packet.packet_id, &Received::packet_id) == unacknowledged.end(),
            "a packet id in flight is not used again [MQTT-2.3.1-4]");
    unacknowledged.push_back({packet.packet_id, number, false});
    again = unacknowledged.size();
    require(unacknowledged.size() <= kInflight, "the in-flight window holds");
  }

 private:
  void receive_again(const mqtt::Publish& packet, unsigned long number) {
    skip_acknowledged();
    require(again < unacknowledged.size(), "DUP only on what was sent before and not acknowledged [MQTT-3.3.1-1]");
    const Received& sent = unacknowledged[again++];
    require(packet.qos == Qos::AtLeastOnce && packet.packet_id == sent.packet_id && number == sent.number,
            "sent again in the same order with the same packet id [MQTT-4.4.0-1]");
  }
  void skip_acknowledged() {
    while (again < unacknowledged.size() && unacknowledged[again].acknowledged) ++again;
  }
};

class World;

/// One connection at a time, and what the server owes on it.
class Line final : public Host {
 public:
  enum class Answer : std::uint8_t { Accept, Acknowledge, Wait, Close };

  Line(World& world, std::uint32_t slot) : world_(world), self_{slot, 0} {}

  [[nodiscard]] bool online() const noexcept { return core_ != nullptr; }
  [[nodiscard]] Handle self() const noexcept { return self_; }
  [[nodiscard]] Handle session() const noexcept { return session_; }
  [[nodiscard]] Client* client() noexcept { return client_; }
  [[nodiscard]] bool due() const noexcept { return due_; }
  void answer(Answer answer) noexcept { answer_ = answer; }

  /// A new connection where there is none.
  void send(std::string_view bytes);
  /// Writes up to `count` messages of the outbox.
  void flush(std::size_t count);
  /// Its connection is named to be flushed.
  void note_due();
  void settle(AckWindow::Sequence sequence, bool stored);
  void settle_packet_id(PacketId packet_id, bool stored);
  void end(CloseCause cause);

 private:
  struct Owed {
    PacketId packet_id;
    Qos qos;
    bool done;
  };

  Step on_connect(const mqtt::Connect& packet, ConnectAnswer& answer) override;
  PublishStep on_publish(const mqtt::Publish& packet, AckWindow::Sequence sequence) override;
  Step on_subscribe(const mqtt::Subscribe& packet, std::vector<std::uint8_t>& return_codes) override;
  Step on_unsubscribe(const mqtt::Unsubscribe& packet) override;

  [[nodiscard]] Step step();
  void note_sent(std::string_view consumed);
  void note_sent(const mqtt::FixedHeader& header, std::string_view body);
  void hear(std::string_view bytes);
  void hear(const mqtt::FixedHeader& header, std::string_view body);
  void hear_acknowledgement(PacketType type, PacketId packet_id);
  void release();

  World& world_;
  Handle self_;
  Answer answer_ = Answer::Accept;
  // Of the connection:
  std::unique_ptr<Core> core_;
  Handle session_;
  Client* client_ = nullptr;
  std::string stash_;
  std::deque<Owed> owed_;  // by PUBLISH, QoS 0 as well
  AckWindow::Sequence first_owed_ = 0;
  std::set<AckWindow::Sequence> acknowledged_;  // by the Host, at once
  bool greeted_ = false;                        // CONNACK has come
  bool due_ = false;
};

class World {
 public:
  explicit World(bool drop_newest);

  [[nodiscard]] Line& line(std::size_t index) noexcept { return lines_[index % lines_.size()]; }
  /// nullptr: that connection is gone.
  [[nodiscard]] Line* find(Handle connection) noexcept;
  [[nodiscard]] Client& client(std::string_view client_id) { return clients_[std::string(client_id)]; }
  [[nodiscard]] Registry& registry() noexcept { return registry_; }
  [[nodiscard]] const CoreSettings& settings() const noexcept { return settings_; }
  [[nodiscard]] PacketCounters& packets() noexcept { return packets_; }

  void produce(Handle connection, Handle session, const mqtt::Publish& packet, AckWindow::Sequence sequence);
  /// A report for one of the records on their way.
  void report(std::size_t index, bool stored);
  void deliver(std::string_view topic, Qos qos, std::size_t padding);
  /// As the API does it.
  void remove(std::string_view client_id);
  void expire();
  void check();
  /// Everybody leaves, and nothing may be left.
  void finish();

 private:
  struct Record {
    Handle connection;
    Handle session;
    AckWindow::Sequence sequence;
    PacketId packet_id;
    Qos qos;
  };

  OutboxCounters outbox_;
  PacketCounters packets_;
  const CoreSettings settings_{kLimits, kAckWindow};
  Registry registry_;
  std::map<std::string, Client> clients_;
  std::deque<Line> lines_;
  std::vector<Record> records_;
  unsigned long messages_ = 0;
};

}  // namespace mqttproxy::fuzz
