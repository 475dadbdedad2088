// What the workers of one server share, and what each holds per MQTTProxy.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
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

/// A listener, as /metrics names it.
struct Entrance {
  Entrance(std::string proxy_name, std::string local_address, Places& places)
      : proxy(std::move(proxy_name)), address(std::move(local_address)), door(places) {}

  std::string proxy;
  std::string address;
  Places::Door door;
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
  std::deque<Entrance> entrances;          // by listener
  cluster::SessionStore* store = nullptr;  // none: sessions live in this node's memory
  std::chrono::milliseconds claim_timeout{};
};

using PipelinePtr = std::shared_ptr<pipeline::Pipeline>;

/// What a worker runs on until the next reload gives it another one: made beforehand, so that nothing can fail.
struct Revision {
  std::shared_ptr<const config::Config> config;
  std::vector<PipelinePtr> pipelines;                  // by index of Config::pipelines; this worker's own
  std::vector<std::shared_ptr<const TlsContext>> tls;  // by listener; nullptr: plain TCP
};

[[nodiscard]] session::CoreSettings core_settings(const config::LimitsConfig& limits);
[[nodiscard]] session::RegistryLimits registry_limits(const config::LimitsConfig& limits, const MemoryGuard& memory);

/// One MQTTProxy as one worker sees it.
struct ProxyRuntime {
  ProxyRuntime(const config::ProxyConfig& proxy, std::size_t number, const config::LimitsConfig& limits,
               const MemoryGuard& memory, session::OutboxCounters& counters)
      : config(&proxy),
        index(number),
        settings(core_settings(limits)),
        registry(registry_limits(limits, memory), counters) {}

  const config::ProxyConfig* config;
  std::size_t index;
  session::CoreSettings settings;
  session::Registry registry;
  /// By config::RuleType; nullptr: no rule for that packet type. A run that waits holds on to its own.
  std::array<PipelinePtr, 5> pipelines{};

  [[nodiscard]] const PipelinePtr& pipeline(config::RuleType type) const noexcept {
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
  session::Stamp read_at = 0;  // when its PUBLISH came
  mqtt::PacketId packet_id = 0;
  mqtt::Qos qos = mqtt::Qos::AtMostOnce;
  kafka::Outcome outcome = kafka::Outcome::Stored;  // the worst so far
  std::int16_t code = 0;                            // of the worst

  /// May be acknowledged, as far as its reports have come.
  [[nodiscard]] bool stored() const noexcept {
    return outcome == kafka::Outcome::Stored || outcome == kafka::Outcome::DeadLettered;
  }
};

}  // namespace mqttproxy::net
