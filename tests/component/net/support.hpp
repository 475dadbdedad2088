// A server on a port of the system's choice whose sessions are in a store that the test plays, and devices.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "mqttproxy/cluster/session_store.hpp"
#include "mqttproxy/mqtt/codec.hpp"
#include "mqttproxy/net/server.hpp"

#include "../../unit/pipeline/pipeline_yaml.hpp"

namespace mqttproxy::net::testing {

/// What a worker has asked of the store.
struct Call {
  enum class Kind : std::uint8_t { Claim, Release, Store, Recover, Report, Nothing };
  Kind kind = Kind::Nothing;
  cluster::Seat seat{};
  cluster::ClaimRequest request{};
  std::optional<cluster::Cut> cut{};
  std::uint64_t token = 0;
  cluster::Recovery recovery{};
  std::uint64_t round = 0;
  cluster::Progress progress{};
};

/// Keeps the calls; the test answers them. Checks that every seat is released once, unless it was lost before.
class FakeStore final : public cluster::SessionStore {
 public:
  void claim(cluster::Seat seat, cluster::ClaimRequest request) override;
  void release(cluster::Seat seat, std::optional<cluster::Cut> cut) override;
  void store(cluster::Seat seat, cluster::Cut cut, std::uint64_t token) override;
  void recover(cluster::Seat seat, cluster::Recovery recovery) override;
  void report(std::uint32_t worker, std::uint64_t round, cluster::Progress progress) override;

  /// The next call, waited for.
  Call next();
  /// The next call: it has to be of that kind.
  Call expect(Call::Kind kind);
  /// No release is owed for the seat any more.
  void forget(cluster::Seat seat);
  [[nodiscard]] std::size_t seats() const;
  [[nodiscard]] bool idle() const;

 private:
  void add(Call call);

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Call> calls_;
  std::vector<cluster::Seat> seats_;
};

/// An MQTT client that does what it is told. Everything that blocks ends after a minute, as a failure.
class Device {
 public:
  explicit Device(std::uint16_t port);
  ~Device();
  Device(Device&& other) noexcept;
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  void connect(std::string_view client_id, bool clean_session = false);
  void subscribe(mqtt::PacketId packet_id, const std::vector<std::string_view>& filters,
                 mqtt::Qos qos = mqtt::Qos::AtLeastOnce);
  void unsubscribe(mqtt::PacketId packet_id, std::string_view filter);
  void publish(mqtt::PacketId packet_id, mqtt::Qos qos);
  void send(mqtt::PacketType type, mqtt::PacketId packet_id);
  void disconnect();
  void drop();

  /// The next packet's bytes; "" when the connection ends first.
  std::string packet();
  /// The next packet, a PUBLISH, as "payload:packet id" with a "+" in front of a repetition.
  std::string message();
  /// Nothing has come so far.
  bool silent();
  /// Waits for the end of the connection: nothing comes before it.
  bool closed() { return packet().empty(); }

 private:
  void send(std::string_view bytes);
  bool fill(int flags);

  int fd_;
  std::string buffer_;
};

std::string connack(bool session_present, mqtt::ConnectReturnCode code = mqtt::ConnectReturnCode::Accepted);
std::string suback(mqtt::PacketId packet_id, const std::vector<std::uint8_t>& codes);
std::string unsuback(mqtt::PacketId packet_id);

class SessionStoreTest : public ::testing::Test {
 protected:
  SessionStoreTest();
  ~SessionStoreTest() override;

  /// Makes and starts server_ with config_.
  void start(std::chrono::milliseconds claim_timeout = std::chrono::minutes(1));
  void stop();
  [[nodiscard]] Device device() const { return Device(port_); }
  /// Connects a device with a persistent session that the store has. Its seat is seat_.
  Device connected(cluster::Claimed claimed = {}, std::string_view client_id = "a");
  void deliver(std::int32_t partition, std::int64_t offset, std::string_view topic = "t",
               mqtt::Qos qos = mqtt::Qos::AtLeastOnce);
  [[nodiscard]] static downlink::MessagePtr message(std::int32_t partition, std::int64_t offset,
                                                    std::string_view topic = "t",
                                                    mqtt::Qos qos = mqtt::Qos::AtLeastOnce);
  cluster::OwnerPort& owner() { return *server_->owners().front(); }
  /// Asks worker 0 to report. What was posted to it before is done when it has.
  cluster::Progress report();
  void lose(cluster::Seat seat, cluster::Loss loss);
  [[nodiscard]] bool has_metric(std::string_view sample) const;
  [[nodiscard]] int runs(mqtt::PacketType type) { return runs_[static_cast<std::size_t>(type)]; }

  config::Config config_;
  metrics::Registry metrics_;
  FakeStore store_;
  std::unique_ptr<Server> server_;
  cluster::Seat seat_;
  std::uint64_t round_ = 0;
  std::atomic<bool> refuse_{false};  // by the pipeline
  std::array<std::atomic<int>, 16> runs_{};

 private:
  test::PipelineDocument document_;
  std::uint16_t port_ = 0;
};

}  // namespace mqttproxy::net::testing
