#include "counters.hpp"

#include <algorithm>
#include <numeric>
#include <string>

namespace mqttproxy::http {

void Counters::request(Route route, int status) noexcept {
  const auto* const found = std::find(kStatusCodes.begin(), kStatusCodes.end() - 1, status);
  const auto index = static_cast<std::size_t>(found - kStatusCodes.begin());
  requests_[static_cast<std::size_t>(route)][index].add();
}

void Counters::published(std::span<const std::size_t> payload_bytes, std::size_t accepted) noexcept {
  const auto taken = payload_bytes.first(accepted);
  accepted_.add(accepted);
  accepted_bytes_.add(std::accumulate(taken.begin(), taken.end(), std::uint64_t{0}));
  unavailable_.add(payload_bytes.size() - accepted);
}

void Counters::collect(metrics::Scrape& scrape, std::size_t open_connections) const {
  for (std::size_t route = 0; route < requests_.size(); ++route) {
    for (std::size_t i = 0; i < kStatusCodes.size(); ++i) {
      const std::uint64_t count = requests_[route][i].get();
      if (count == 0) continue;
      scrape.counter("mqttproxy_http_requests_total", "HTTP requests, by resource and status code.",
                     static_cast<double>(count),
                     {{"route", std::string(kRouteNames[route])}, {"code", std::to_string(kStatusCodes[i])}});
    }
  }
  scrape.gauge("mqttproxy_http_requests_in_flight", "HTTP requests read and not yet answered.",
               static_cast<double>(in_flight_.load()));
  scrape.gauge("mqttproxy_http_connections", "Open HTTP connections.", static_cast<double>(open_connections));
  scrape.counter("mqttproxy_http_connections_refused_total", "HTTP connections beyond api.maxConnections.",
                 static_cast<double>(connections_refused_.get()));
  for (std::size_t i = 0; i < handshakes_.size(); ++i) {
    scrape.counter("mqttproxy_http_tls_handshakes_total", "TLS handshakes of HTTP connections, by how they ended.",
                   static_cast<double>(handshakes_[i].get()), {{"result", std::string(kHandshakeNames[i])}});
  }
  static constexpr const char* kPublished = "mqttproxy_http_published_messages_total";
  static constexpr const char* kPublishedHelp = "Messages published over HTTP, by what the bus said.";
  scrape.counter(kPublished, kPublishedHelp, static_cast<double>(accepted_.get()), {{"result", "accepted"}});
  scrape.counter(kPublished, kPublishedHelp, static_cast<double>(unavailable_.get()), {{"result", "unavailable"}});
  scrape.counter("mqttproxy_http_publishes_refused_total", "Publish requests refused, by cause.",
                 static_cast<double>(no_memory_.get()), {{"cause", "memory"}});
  scrape.counter("mqttproxy_http_published_bytes_total", "Payload bytes of the accepted messages.",
                 static_cast<double>(accepted_bytes_.get()));
}

}  // namespace mqttproxy::http
