#include "counters.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

namespace mqttproxy::net {

namespace {

using Workers = std::span<const WorkerCounters* const>;

template <class Member>
double sum(Workers workers, Member&& member) {
  std::uint64_t total = 0;
  for (const WorkerCounters* worker : workers) total += member(*worker).get();
  return static_cast<double>(total);
}

double sum(Workers workers, Event event) {
  return sum(workers, [event](const WorkerCounters& w) -> const metrics::Counter& { return w.events[event]; });
}

double sum(Workers workers, session::OutboxEvent event) {
  return sum(workers, [event](const WorkerCounters& w) -> const metrics::Counter& { return w.outbox[event]; });
}

/// One counter of a set as a metric.
template <class E>
struct Family {
  E event;
  std::string_view name;
  std::string_view help;
  std::string_view label = {};
  std::string_view value = {};
};

/// By Fate.
constexpr std::array<std::string_view, static_cast<std::size_t>(Fate::Count_)> kFates = {"stored", "dead_lettered",
                                                                                         "dropped", "not_stored"};
constexpr std::string_view kParks = "mqttproxy_parks_total";
constexpr std::string_view kParksHelp = "How often a connection was not read on, by what it waited for.";
constexpr std::string_view kBytes = "mqttproxy_bytes_total";
constexpr std::string_view kBytesHelp = "MQTT bytes on the wire.";

constexpr std::string_view kAccepts = "mqttproxy_accepts_total";
constexpr std::string_view kAcceptsHelp = "TCP connections accepted, by what is spoken on them.";
constexpr std::string_view kHandshakes = "mqttproxy_tls_handshakes_total";
constexpr std::string_view kHandshakesHelp = "TLS handshakes completed, with a new session or a ticket of an old one.";
constexpr std::string_view kProxyHeaders = "mqttproxy_proxy_headers_total";
constexpr std::string_view kProxyHeadersHelp =
    "PROXY protocol headers: with a client's address, without one, not acceptable.";

/// By TlsFailure.
constexpr std::array<std::string_view, static_cast<std::size_t>(TlsFailure::Count_)> kTlsFailures = {
    "not_tls", "unsupported", "client_certificate", "alert", "closed", "timeout", "other"};

constexpr std::string_view kRefused = "mqttproxy_accepts_refused_total";
constexpr std::string_view kRefusedHelp = "Connections closed at once: a limit was reached.";

constexpr Family<Event> kCounters[] = {
    {Event::Accepted, kAccepts, kAcceptsHelp, "transport", "tcp"},
    {Event::AcceptedTls, kAccepts, kAcceptsHelp, "transport", "tls"},
    {Event::RefusedNode, kRefused, kRefusedHelp, "cause", "connections"},
    {Event::RefusedAddress, kRefused, kRefusedHelp, "cause", "address"},
    {Event::RefusedMemory, kRefused, kRefusedHelp, "cause", "memory"},
    {Event::AcceptFailed, "mqttproxy_accept_errors_total", "accept() failed: out of descriptors or memory."},
    {Event::MovedHome, "mqttproxy_moves_total", "Connections handed to the home worker of their client id."},
    {Event::BytesIn, kBytes, kBytesHelp, "direction", "in"},
    {Event::BytesOut, kBytes, kBytesHelp, "direction", "out"},
    {Event::ParkedProducer, kParks, kParksHelp, "cause", "producer_queue"},
    {Event::ParkedWindow, kParks, kParksHelp, "cause", "ack_window"},
    {Event::ParkedOutput, kParks, kParksHelp, "cause", "output"},
    {Event::ParkedSession, kParks, kParksHelp, "cause", "session"},
    {Event::ParkedRate, kParks, kParksHelp, "cause", "rate"},
    {Event::ConnectsLimited, "mqttproxy_connects_limited_total", "CONNECT packets refused by connectionLimit."},
    {Event::SessionsRefused, "mqttproxy_sessions_refused_total", "CONNECT packets refused by limits.maxSessions."},
    {Event::Takeovers, "mqttproxy_takeovers_total", "Connections ended by a later CONNECT with their client id."},
    {Event::Wills, "mqttproxy_wills_total", "Will messages handed to the Publish pipeline."},
    {Event::WillsDropped, "mqttproxy_wills_dropped_total", "Will messages lost: the queue of waiting wills was full."},
    {Event::SubscriptionsRefused, "mqttproxy_subscriptions_refused_total", "Topic filters answered with 0x80."},
    {Event::DownlinkMatches, "mqttproxy_downlink_matches_total", "Sessions that messages to devices were for."},
    {Event::SessionsExpired, "mqttproxy_sessions_expired_total", "Offline sessions removed after their expiry."},
    {Event::TlsFull, kHandshakes, kHandshakesHelp, "session", "new"},
    {Event::TlsResumed, kHandshakes, kHandshakesHelp, "session", "resumed"},
    {Event::ProxyHeaders, kProxyHeaders, kProxyHeadersHelp, "result", "address"},
    {Event::ProxyHeadersLocal, kProxyHeaders, kProxyHeadersHelp, "result", "local"},
    {Event::ProxyHeadersRefused, kProxyHeaders, kProxyHeadersHelp, "result", "refused"},
};

constexpr Family<Event> kGauges[] = {
    {Event::Connections, "mqttproxy_connections", "Open MQTT connections."},
    {Event::Parked, "mqttproxy_connections_parked",
     "Connections that are not read now: something downstream is full, or has not answered."},
    {Event::WillsWaiting, "mqttproxy_wills_waiting", "Will messages that wait for room in a producer queue."},
    {Event::Unacked, "mqttproxy_unacked", "PUBLISH packets whose records have no report yet."},
    {Event::Sessions, "mqttproxy_sessions", "Sessions, online or not."},
    {Event::SubscriptionBytes, "mqttproxy_subscription_tree_bytes", "Memory of the subscription trees."},
};

constexpr std::string_view kSent = "mqttproxy_downlink_sent_total";
constexpr std::string_view kSentHelp = "PUBLISH packets to devices, by QoS; repetitions not counted.";
constexpr std::string_view kDropped = "mqttproxy_downlink_dropped_total";
constexpr std::string_view kDroppedHelp =
    "Messages a session lost: its queue was full; QoS 0 to a slow or an absent client.";

constexpr Family<session::OutboxEvent> kOutboxCounters[] = {
    {session::OutboxEvent::Sent0, kSent, kSentHelp, "qos", "0"},
    {session::OutboxEvent::Sent1, kSent, kSentHelp, "qos", "1"},
    {session::OutboxEvent::Resent, "mqttproxy_downlink_resent_total",
     "PUBLISH packets sent again to a client that came back."},
    {session::OutboxEvent::Acknowledged, "mqttproxy_downlink_acknowledged_total",
     "PUBACK packets for messages in flight."},
    {session::OutboxEvent::DroppedFull, kDropped, kDroppedHelp, "cause", "queue_full"},
    {session::OutboxEvent::DroppedSlow, kDropped, kDroppedHelp, "cause", "slow"},
    {session::OutboxEvent::DroppedOffline, kDropped, kDroppedHelp, "cause", "offline"},
};

constexpr Family<session::OutboxEvent> kOutboxGauges[] = {
    {session::OutboxEvent::Queued, "mqttproxy_session_queue_messages", "Messages that wait in sessions."},
    {session::OutboxEvent::QueuedBytes, "mqttproxy_session_queue_bytes", "The same in bytes."},
    {session::OutboxEvent::Subscriptions, "mqttproxy_subscriptions", "Subscriptions of all sessions."},
    {session::OutboxEvent::Persistent, "mqttproxy_sessions_persistent",
     "Sessions of this node that outlive their connections."},
    {session::OutboxEvent::Inflight, "mqttproxy_downlink_inflight", "Messages sent with QoS 1 and not acknowledged."},
};

template <class Member>
void collect_stage(Workers workers, metrics::Scrape& scrape, std::string_view until, Member&& member) {
  std::vector<const metrics::Histogram*> parts;
  for (const WorkerCounters* worker : workers) parts.push_back(&member(*worker));
  metrics::Histogram::write(scrape, "mqttproxy_publish_seconds",
                            "Time from reading a PUBLISH until it was through its pipeline, until Kafka had stored its "
                            "records, until its PUBACK or PUBREC left.",
                            parts, 1e6, {{"until", std::string(until)}});
}

metrics::Labels labels(std::string_view name, std::string_view value) {
  if (name.empty()) return {};
  return {{std::string(name), std::string(value)}};
}

void collect_packets(Workers workers, metrics::Scrape& scrape) {
  using Packets = session::PacketCounters;
  const auto by_type = [&](std::string_view name, std::string_view help, std::string_view direction, auto member) {
    for (std::size_t i = 1; i < 15; ++i) {
      scrape.counter(name, help,
                     sum(
                         workers, [&](const auto& w) -> auto& { return (w.packets.*member)[i]; }),
                     {{"direction", std::string(direction)},
                      {"type", std::string(mqtt::to_string(static_cast<mqtt::PacketType>(i)))}});
    }
  };
  by_type("mqttproxy_packets_total", "Control Packets by type.", "in", &Packets::in);
  by_type("mqttproxy_packets_total", "", "out", &Packets::out);
  by_type("mqttproxy_packet_bytes_total", "Bytes of Control Packets by type.", "in", &Packets::in_bytes);
  by_type("mqttproxy_packet_bytes_total", "", "out", &Packets::out_bytes);
  for (std::size_t qos = 0; qos < 3; ++qos) {
    for (std::size_t fate = 0; fate < kFates.size(); ++fate) {
      const auto member = [&](const auto& w) -> const metrics::Counter& { return w.fates[qos].counters[fate]; };
      scrape.counter("mqttproxy_publish_outcomes_total", "PUBLISH packets by QoS and what became of them.",
                     sum(workers, member), {{"qos", std::to_string(qos)}, {"outcome", std::string(kFates[fate])}});
    }
    scrape.counter("mqttproxy_publishes_total", "PUBLISH packets taken from devices.",
                   sum(workers, [qos](const auto& w) -> const metrics::Counter& { return w.packets.publishes[qos]; }),
                   {{"qos", std::to_string(qos)}});
  }
}

}  // namespace

void collect(Workers workers, metrics::Scrape& scrape) {
  const auto counter = [&](const auto& f) {
    scrape.counter(f.name, f.help, sum(workers, f.event), labels(f.label, f.value));
  };
  const auto gauge = [&](const auto& f) { scrape.gauge(f.name, f.help, sum(workers, f.event)); };
  std::ranges::for_each(kCounters, counter);
  std::ranges::for_each(kGauges, gauge);
  std::ranges::for_each(kOutboxCounters, counter);
  std::ranges::for_each(kOutboxGauges, gauge);
  collect_packets(workers, scrape);
  collect_stage(
      workers, scrape, "enqueued", [](const auto& w) -> auto& { return w.enqueued_us; });
  collect_stage(
      workers, scrape, "stored", [](const auto& w) -> auto& { return w.stored_us; });
  collect_stage(
      workers, scrape, "acknowledged", [](const auto& w) -> auto& { return w.packets.acknowledged_us; });
  for (std::size_t code = 0; code < 6; ++code) {
    scrape.counter("mqttproxy_connects_total", "CONNECT packets by the return code they were answered with.",
                   sum(workers, [code](const auto& w) -> const metrics::Counter& { return w.packets.connacks[code]; }),
                   {{"return_code", std::to_string(code)}});
  }
  for (std::size_t i = 1; i < static_cast<std::size_t>(mqtt::Errc::Count_); ++i) {
    scrape.counter("mqttproxy_protocol_errors_total", "Connections closed for what they sent, by kind.",
                   sum(workers, [i](const auto& w) -> const metrics::Counter& { return w.protocol_errors[i]; }),
                   {{"kind", std::string(mqtt::kind(static_cast<mqtt::Errc>(i)))}});
  }
  for (std::size_t i = 0; i < static_cast<std::size_t>(session::CloseCause::Count_); ++i) {
    scrape.counter("mqttproxy_disconnects_total", "Ended connections by reason.",
                   sum(workers, [i](const auto& w) -> const metrics::Counter& { return w.closes[i]; }),
                   {{"reason", std::string(session::to_string(static_cast<session::CloseCause>(i)))}});
  }
  for (std::size_t i = 0; i < kTlsFailures.size(); ++i) {
    scrape.counter("mqttproxy_tls_handshakes_failed_total", "TLS handshakes that failed, by reason.",
                   sum(workers, [i](const auto& w) -> const metrics::Counter& { return w.tls_failures[i]; }),
                   {{"reason", std::string(kTlsFailures[i])}});
  }
}

}  // namespace mqttproxy::net
