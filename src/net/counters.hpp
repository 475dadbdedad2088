// What one worker counts. Written by its thread only; a scrape sums all workers.
#pragma once

#include <array>
#include <span>

#include "mqttproxy/metrics/histogram.hpp"
#include "mqttproxy/metrics/metrics.hpp"
#include "mqttproxy/mqtt/error.hpp"
#include "mqttproxy/mqtt/packets.hpp"
#include "mqttproxy/session/core.hpp"

#include "tls_stream.hpp"

namespace mqttproxy::net {

enum class Event : std::uint8_t {
  Accepted,
  AcceptedTls,
  RefusedNode,     // the node's connection limit
  RefusedAddress,  // limits.maxConnectionsPerAddress
  RefusedMemory,   // limits.maxMemory
  AcceptFailed,    // out of descriptors or memory
  MovedHome,       // handed to the client id's home worker
  BytesIn,
  BytesOut,
  Connections,  // gauge: open now
  Parked,       // gauge: not read now
  ParkedProducer,
  ParkedWindow,
  ParkedOutput,
  ParkedSession,
  ParkedRate,
  ConnectsLimited,  // refused by connectionLimit
  SessionsRefused,  // limits.maxSessions
  Unacked,          // gauge: PUBLISH packets without a final answer
  Takeovers,
  Wills,
  WillsWaiting,  // gauge: for room in a producer queue
  WillsDropped,
  SessionsExpired,
  Sessions,           // gauge, as of the last sweep
  SubscriptionBytes,  // gauge, as of the last sweep
  SubscriptionsRefused,
  DownlinkMatches,  // sessions that messages to devices were for
  TlsFull,          // handshakes
  TlsResumed,
  ProxyHeaders,  // with a client's address
  ProxyHeadersLocal,
  ProxyHeadersRefused,
  Count_,
};

/// What became of a PUBLISH.
enum class Fate : std::uint8_t {
  Stored,
  DeadLettered,
  Dropped,    // as a filter wanted it
  NotStored,  // not acknowledged
  Count_,
};

struct WorkerCounters {
  metrics::CounterSet<Event> events;
  std::array<metrics::CounterSet<Fate>, 3> fates;  // by QoS
  void count(mqtt::Qos qos, Fate fate) noexcept { fates[static_cast<std::size_t>(qos)][fate].add(); }
  session::PacketCounters packets;
  session::OutboxCounters outbox;
  metrics::Histogram enqueued_us{session::kStageBoundsUs};  // from read until a PUBLISH was through its pipeline …
  metrics::Histogram stored_us{session::kStageBoundsUs};    // … until Kafka had its records
  std::array<metrics::Counter, static_cast<std::size_t>(mqtt::Errc::Count_)> protocol_errors;
  std::array<metrics::Counter, static_cast<std::size_t>(session::CloseCause::Count_)> closes;
  std::array<metrics::Counter, static_cast<std::size_t>(TlsFailure::Count_)> tls_failures;
};

/// Writes the sums over all workers into `scrape`.
void collect(std::span<const WorkerCounters* const> workers, metrics::Scrape& scrape);

}  // namespace mqttproxy::net
