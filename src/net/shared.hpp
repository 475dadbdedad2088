// What the workers of one server share, and what each holds per MQTTProxy.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "mqttproxy/cluster/session_store.hpp"
#include "mqttproxy/config/config.hpp"
#include "mqttproxy/kafka/producer.hpp"
#include "mqttproxy/pipeline/pipeline.hpp"
#include "mqttproxy/session/core.hpp"
#include "mqttproxy/session/session.hpp"
#include "mqttproxy/util/rate_limit.hpp"

#include "memory_guard.hpp"
#include "places.hpp"
#include "tls_context.hpp"

namespace mqttproxy::net {

/// The connectionLimit of a proxy. Any thread.
class ConnectLimit {
 public:
  [[nodiscard]] bool take(const util::Rate& rate, std::uint64_t bytes) {
    if (!rate.limited()) return true;
    const std::scoped_lock lock(mutex_);
    return limit_.take(rate, bytes, std::chrono::steady_clock::now());
  }

 private:
  std::mutex mutex_;
  util::RateLimit limit_;
};

/// Touched on connect and disconnect only, never per packet.
struct Shared {
  Shared(std::size_t proxies, std::uint32_t max_connections, const config::LimitsConfig& limits)
      : places(max_connections, limits.max_connections_per_address),
        memory(limits.max_memory_bytes),
        connected(proxies),
        connect_limits(proxies) {}

  Places places;
  MemoryGuard memory;
  std::vector<std::atomic<std::uint32_t>> connected;  // connected clients by proxy
  std::vector<ConnectLimit> connect_limits;           // by proxy

  // Fixed before the workers start.
  cluster::SessionStore* store = nullptr;  // none: sessions live in this node's memory
  std::chrono::milliseconds claim_timeout{};
  std::vector<std::unique_ptr<TlsContext>> tls;  // of TLS listeners
};

/// One MQTTProxy as one worker sees it.
struct ProxyRuntime {
  ProxyRuntime(const config::ProxyConfig& proxy, std::size_t number, const config::LimitsConfig& limits,
               const MemoryGuard& memory, session::OutboxCounters& counters)
      : config(&proxy),
        index(number),
        settings{{limits.max_packet_bytes, limits.max_client_id_bytes, limits.max_topic_bytes, limits.max_topic_levels,
                  limits.max_filters_per_packet},
                 limits.ack_window},
        registry({{limits.inflight_window, limits.session_queue_messages, limits.session_queue_bytes,
                   limits.max_unsent_bytes, limits.session_queue_full == config::QueueFull::DropNewest,
                   [&memory] { return memory.full(); }},
                  limits.max_filters_per_session},
                 counters) {}

  const config::ProxyConfig* config;
  std::size_t index;
  session::CoreSettings settings;
  session::Registry registry;
  /// By config::RuleType; nullptr: no rule for that packet type.
  std::array<pipeline::Pipeline*, 5> pipelines{};

  [[nodiscard]] pipeline::Pipeline* pipeline(config::RuleType type) const noexcept {
    return pipelines[static_cast<std::size_t>(type)];
  }
};

/// A PUBLISH whose records are with a producer. Reports find it by the token they carry.
struct Publication {
  session::Handle connection;  // invalid for a will
  session::Handle session;
  ProxyRuntime* proxy = nullptr;
  session::AckWindow::Sequence sequence = 0;
  /// Reports to come, plus one while the pipeline is not finished with it.
  std::uint32_t outstanding = 1;
  mqtt::PacketId packet_id = 0;
  mqtt::Qos qos = mqtt::Qos::AtMostOnce;
  kafka::Outcome outcome = kafka::Outcome::Stored;  // the worst so far
  std::int16_t code = 0;                            // of the worst
};

}  // namespace mqttproxy::net
