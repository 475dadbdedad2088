// What a filter sees of one packet and what it may decide about it. One Context per worker, reused packet after
// packet (no allocation once its vectors have grown). Views are valid during one Pipeline::run only.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mqttproxy/mqtt/packets.hpp"

namespace mqttproxy::pipeline {

/// Index into a filter kind's declared results; 0 is success (""). Above the declared ones stand a filter's own
/// failures: no jumpIf can name them, so its unhandled() decides. Two values are no results:
using FilterResult = std::uint8_t;
inline constexpr FilterResult kSuccess = 0;
/// The filter has taken a Resume and will call it exactly once. Its result is remembered and the run repeated.
inline constexpr FilterResult kPending = 254;
/// No room downstream (a full producer queue): nothing was taken, run again when there is.
inline constexpr FilterResult kBlocked = 255;

/// A named value of the per-packet data (`setKV`, `topicKey` …), resolved to an index when the pipeline is built.
using Slot = std::uint16_t;

struct MappedHeader {
  std::string_view name;   // from the configuration
  std::string_view value;  // from the packet
};

/// Who sent the packet. Views into the connection.
struct Client {
  std::string_view client_id;
  std::optional<std::string_view> username;
  std::string_view address;  // "192.0.2.1:50123"
  std::string_view proxy;    // name of the MQTTProxy
};

/// Makes the function by which a pending filter goes on. Implemented by the connection.
class Suspender {
 public:
  virtual ~Suspender() = default;
  /// Callable once, from any thread, also after the connection is gone.
  [[nodiscard]] virtual std::function<void(FilterResult)> suspend() = 0;
};

/// What the filters decided. The first refusal (Refuse, Disconnect) stands; it also wins over a Drop.
enum class Action : std::uint8_t {
  None,
  Refuse,      // CONNECT: CONNACK with `return_code`, close
  Drop,        // acknowledge, store nothing, count (the one stated exception to "acked means in Kafka")
  Disconnect,  // no acknowledgement, close
};

class Context {
 public:
  /// Starts a new packet: forgets data, action and memory. Exactly one of the packet pointers is set, none for
  /// Disconnect.
  void begin(mqtt::PacketType type, const Client& client);

  mqtt::PacketType type{};
  Client client;
  const mqtt::Connect* connect = nullptr;
  const mqtt::Publish* publish = nullptr;
  const mqtt::Subscribe* subscribe = nullptr;
  const mqtt::Unsubscribe* unsubscribe = nullptr;
  /// `explain` listens to what filters decide and why; empty in the daemon. Kept by begin().
  std::function<void(std::string_view filter, std::string_view step)> trace;
  Suspender* suspender = nullptr;  // nullptr where waiting is impossible: a filter then fails closed

  // Data handed from filter to filter.
  void set_text(Slot slot, std::string_view text);
  [[nodiscard]] std::optional<std::string_view> text(Slot slot) const noexcept;
  /// The slot's header list, emptied and marked as set.
  [[nodiscard]] std::vector<MappedHeader>& reset_headers(Slot slot);
  [[nodiscard]] const std::vector<MappedHeader>* headers(Slot slot) const noexcept;

  // Records. Every record of this packet carries the same token; the caller counts the reports it waits for.
  std::uint64_t token = 0;
  std::uint32_t records = 0;  // accepted by a producer so far
  /// Set by a filter that wants the record dead-lettered: the reason, a literal; empty otherwise.
  std::string_view dead_letter_reason;

  // Decisions. `reason` must be a literal or outlive the packet: it is logged and counted by the connection.
  void refuse(mqtt::ConnectReturnCode code, std::string_view reason) noexcept;
  void drop(std::string_view reason) noexcept;
  void disconnect(std::string_view reason) noexcept;
  /// SUBSCRIBE: topic filter number `index` is answered with 0x80 [MQTT-3.9.3-1], the packet's others go on.
  void refuse_filter(std::size_t index);
  [[nodiscard]] bool filter_refused(std::size_t index) const noexcept;
  [[nodiscard]] Action action() const noexcept { return action_; }
  [[nodiscard]] std::string_view reason() const noexcept { return reason_; }
  [[nodiscard]] mqtt::ConnectReturnCode return_code() const noexcept { return return_code_; }

  /// Results of filters that must not run twice, kept by the connection while a run waits (see Pipeline::run).
  struct Memory {
    std::vector<std::pair<std::uint16_t, FilterResult>> results;  // (node index, result)
    std::uint32_t records = 0;
  };
  Memory memory;

 private:
  struct Data {
    std::string_view text;
    std::vector<MappedHeader> headers;
    std::uint32_t text_set = 0;  // generation in which it was set: begin() clears in O(1)
    std::uint32_t headers_set = 0;
  };
  Data& at(Slot slot);
  [[nodiscard]] bool refused() const noexcept { return action_ == Action::Refuse || action_ == Action::Disconnect; }

  std::vector<Data> data_;
  std::vector<std::size_t> refused_filters_;  // ascending
  std::uint32_t generation_ = 1;
  Action action_ = Action::None;
  mqtt::ConnectReturnCode return_code_ = mqtt::ConnectReturnCode::NotAuthorized;
  std::string_view reason_;
};

}  // namespace mqttproxy::pipeline
