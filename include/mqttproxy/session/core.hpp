// One connection's protocol, without any I/O: bytes in, reply bytes out, and a Host that is asked where a decision or
// an effect lies outside the protocol. Sockets, TLS and timers are net's; this is what the stateful fuzzer drives.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mqttproxy/metrics/histogram.hpp"
#include "mqttproxy/metrics/metrics.hpp"
#include "mqttproxy/mqtt/codec.hpp"
#include "mqttproxy/session/ack_window.hpp"
#include "mqttproxy/session/session.hpp"
#include "mqttproxy/session/stamp.hpp"

namespace mqttproxy::session {

/// What the Host says to a packet.
enum class Step : std::uint8_t {
  Done,   // handled
  Wait,   // not now: the packet stays unconsumed, feed() is called again with the same bytes
  Close,  // the connection ends; the Host has called Core::close() with the reason
};

enum class PublishStep : std::uint8_t {
  Accepted,     // complete() or fail() with this sequence will follow
  Acknowledge,  // nothing to wait for: deliberately dropped
  Wait,
  Close,
};

/// Why a connection ended: the label of its counter. Order is the index: append.
enum class CloseCause : std::uint8_t {
  ClientDisconnect,  // DISCONNECT
  ConnectionLost,    // closed or reset by the peer
  KeepAlive,
  ConnectTimeout,
  Takeover,
  ProtocolError,
  ConnectRefused,
  Pipeline,   // a filter wanted it, or nothing stored the message
  NotStored,  // Kafka refused the record for good, or its fate is unknown
  Shutdown,
  SessionDeleted,  // by the API
  SessionLost,     // another node may serve it, or what was stored of it is not known
  TlsHandshake,    // it failed, or the peer went away in it
  ProxyHeader,     // none, or one that is not acceptable
  AddressLimit,    // too many connections from there
  MemoryLimit,     // a large packet while there is no memory for it
  Count_,
};

/// snake_case label.
[[nodiscard]] std::string_view to_string(CloseCause cause) noexcept;

struct ConnectAnswer {
  mqtt::ConnectReturnCode return_code = mqtt::ConnectReturnCode::NotAuthorized;
  bool session_present = false;
  Session* session = nullptr;  // set when accepted; outlives the Core or detach() is called
  /// The client's user name, where it is not what CONNECT says; good until feed() returns.
  std::optional<std::string_view> username{};
  std::string_view detail = "connect refused";  // why, for the log; a literal
};

/// Implemented by net's connection. Called on the owner's thread from within feed().
class Host {
 public:
  virtual ~Host() = default;
  /// Step::Close without Core::close() means: refused with answer.return_code.
  virtual Step on_connect(const mqtt::Connect& packet, ConnectAnswer& answer) = 0;
  virtual PublishStep on_publish(const mqtt::Publish& packet, AckWindow::Sequence sequence) = 0;
  /// Fills one return code per request.
  virtual Step on_subscribe(const mqtt::Subscribe& packet, std::vector<std::uint8_t>& return_codes) = 0;
  virtual Step on_unsubscribe(const mqtt::Unsubscribe& packet) = 0;
};

/// Packets by type, for one worker; index = packet type.
struct PacketCounters {
  std::array<metrics::Counter, 16> in;
  std::array<metrics::Counter, 16> out;
  std::array<metrics::Counter, 16> in_bytes;
  std::array<metrics::Counter, 16> out_bytes;
  std::array<metrics::Counter, 3> publishes;           // by QoS
  std::array<metrics::Counter, 6> connacks;            // by return code
  metrics::Histogram acknowledged_us{kStageBoundsUs};  // from read to PUBACK or PUBREC
};

struct CoreSettings {
  mqtt::DecodeLimits limits;
  std::uint32_t ack_window = 1'000;  // PUBLISH packets without a final answer, 1..65,535
};

struct StoredWill {
  std::string topic;
  std::string payload;
  mqtt::Qos qos = mqtt::Qos::AtMostOnce;
  bool retain = false;
};

/// Owner: one worker's thread. 216 bytes plus what the client sends in CONNECT.
class Core {
 public:
  enum class State : std::uint8_t { AwaitConnect, Connected, Closed };

  Core(Host& host, const CoreSettings& settings, PacketCounters& counters)
      : host_(host), settings_(settings), counters_(counters) {}

  /// Handles as many whole packets at the front of `bytes` as it can; replies are appended to `out`. Returns how many
  /// bytes were consumed. The rest is an incomplete packet, or waits (waiting()), or belongs to a closed connection.
  /// `read_at`: when the bytes came.
  std::size_t feed(std::string_view bytes, std::string& out, Stamp read_at = 0);

  /// Bytes of the incomplete packet at the front of what feed() left, 0 while its header is incomplete.
  [[nodiscard]] std::size_t wanted_bytes() const noexcept { return wanted_bytes_; }
  /// The last feed() stopped at a packet that cannot be taken now.
  [[nodiscard]] bool waiting() const noexcept { return waiting_; }
  /// … because the ack window is full. Low water is half of it: unparking pays for itself. Behind a message that has
  /// failed there is never room: the client will send it again, and nothing later may be stored before that.
  [[nodiscard]] bool window_full() const noexcept { return window_.failed() || window_.size() >= settings_.ack_window; }
  [[nodiscard]] bool window_has_room() const noexcept {
    return !window_.failed() && window_.size() <= settings_.ack_window / 2;
  }

  /// The record(s) of a PUBLISH are stored, or never will be. Acknowledgements leave with the next release().
  void complete(AckWindow::Sequence sequence) noexcept { window_.complete(sequence); }
  void fail(AckWindow::Sequence sequence) noexcept { window_.fail(sequence); }
  /// The QoS 2 message `packet_id`, published on an earlier connection of the session (or sent again on this one),
  /// is stored or has failed: answers every PUBLISH of this connection that waits for it.
  void settle_packet_id(mqtt::PacketId packet_id, bool stored) noexcept;
  /// Appends the acknowledgements that are due. Closes once a failed message is the oldest.
  void release(std::string& out, Stamp now = 0);

  /// Ends the connection: feed() takes nothing more. The first reason stands. `detail` must be a literal.
  void close(CloseCause cause, std::string_view detail, mqtt::Errc errc = mqtt::Errc::Ok) noexcept;
  [[nodiscard]] State state() const noexcept { return state_; }
  [[nodiscard]] CloseCause close_cause() const noexcept { return close_cause_; }
  [[nodiscard]] std::string_view close_detail() const noexcept { return close_detail_; }
  [[nodiscard]] mqtt::Errc close_errc() const noexcept { return close_errc_; }

  /// The session, while connected.
  [[nodiscard]] Session* session() const noexcept { return state_ == State::Connected ? session_ : nullptr; }
  [[nodiscard]] const std::string& client_id() const noexcept { return client_id_; }
  void set_client_id(std::string client_id) { client_id_ = std::move(client_id); }
  [[nodiscard]] std::optional<std::string_view> username() const noexcept {
    return has_username_ ? std::optional<std::string_view>(username_) : std::nullopt;
  }
  [[nodiscard]] std::uint16_t keep_alive() const noexcept { return keep_alive_; }
  [[nodiscard]] std::uint32_t unacked() const noexcept { return window_.size(); }
  /// Control Packets taken from the client, and given to it.
  [[nodiscard]] std::uint64_t packets_in() const noexcept { return packets_in_; }
  [[nodiscard]] std::uint64_t packets_out() const noexcept { return packets_out_; }
  /// A packet of that size is on its way to the client.
  void count_out(mqtt::PacketType type, std::size_t bytes) noexcept {
    counters_.out[static_cast<std::size_t>(type)].add();
    counters_.out_bytes[static_cast<std::size_t>(type)].add(bytes);
    ++packets_out_;
  }
  [[nodiscard]] bool was_connected() const noexcept { return was_connected_; }
  /// The will, when it is still to be published; the caller takes it, so that it is published once [MQTT-3.1.2-10].
  [[nodiscard]] std::unique_ptr<StoredWill> take_will() noexcept { return std::move(will_); }

 private:
  Step handle(const mqtt::FixedHeader& header, std::string_view body, std::string& out);
  Step handle_connect(std::string_view body, std::string& out);
  Step handle_publish(const mqtt::FixedHeader& header, std::string_view body);
  PublishStep start_publish(const mqtt::Publish& packet);
  Step handle_puback(std::string_view body);
  Step handle_pubrel(std::string_view body, std::string& out);
  Step handle_subscribe(std::string_view body, std::string& out);
  Step handle_unsubscribe(std::string_view body, std::string& out);
  Step refuse_connect(mqtt::ConnectReturnCode code, std::string_view detail, mqtt::Errc errc, std::string& out);
  void reply_connack(const mqtt::Connack& answer, std::string& out);
  void accept(const mqtt::Connect& packet, const ConnectAnswer& answer);
  Step fail_with(const boost::system::error_code& error) noexcept;
  Step fail_with(mqtt::Errc errc) noexcept;

  Host& host_;
  const CoreSettings& settings_;
  PacketCounters& counters_;
  Session* session_ = nullptr;
  std::unique_ptr<StoredWill> will_;
  std::string client_id_;
  std::string username_;
  AckWindow window_;
  std::string_view close_detail_;
  std::size_t wanted_bytes_ = 0;
  std::uint64_t packets_in_ = 0;
  std::uint64_t packets_out_ = 0;
  Stamp read_at_ = 0;  // during feed()
  std::uint16_t keep_alive_ = 0;
  State state_ = State::AwaitConnect;
  mqtt::ProtocolLevel level_ = mqtt::ProtocolLevel::V311;
  CloseCause close_cause_ = CloseCause::ConnectionLost;
  mqtt::Errc close_errc_ = mqtt::Errc::Ok;
  bool waiting_ = false;
  bool has_username_ = false;
  bool was_connected_ = false;
};

}  // namespace mqttproxy::session
