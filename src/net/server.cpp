#include "mqttproxy/net/server.hpp"

#include <algorithm>
#include <limits>
#include <stdexcept>

#include "mqttproxy/util/log.hpp"

#include "counters.hpp"
#include "directory.hpp"
#include "listen.hpp"
#include "peer_address.hpp"
#include "shared.hpp"
#include "worker.hpp"

namespace mqttproxy::net {

namespace {

/// Descriptors that are not device connections: Kafka brokers, the API, logs, libraries.
constexpr std::uint64_t kReservedDescriptors = 256;

std::uint32_t connection_ceiling(std::uint32_t configured, std::uint64_t descriptor_limit) {
  const std::uint64_t possible =
      descriptor_limit > 2 * kReservedDescriptors ? descriptor_limit - kReservedDescriptors : descriptor_limit / 2;
  const auto ceiling =
      static_cast<std::uint32_t>(std::min<std::uint64_t>(possible, std::numeric_limits<std::uint32_t>::max() / 2));
  if (configured > ceiling) {
    spdlog::warn("limits.maxConnections={} is above what the descriptor limit allows: {}", configured, ceiling);
  }
  return configured == 0 ? ceiling : std::min(configured, ceiling);
}

unsigned worker_count(std::uint32_t configured) {
  return configured != 0 ? configured : std::clamp(std::thread::hardware_concurrency(), 1U, 256U);
}

}  // namespace

void check_tls(const config::Config& config) {
  for (const config::ProxyConfig& proxy : config.proxies) {
    for (const config::ListenerConfig& listener : proxy.listeners) {
      if (listener.tls) (void)TlsContext::create(*listener.tls);
    }
  }
}

Server::Server(std::shared_ptr<const config::Config> config, std::uint64_t descriptor_limit, metrics::Registry& metrics)
    : config_(std::move(config)),
      proxies_(config_->proxy_names()),
      descriptor_limit_(descriptor_limit),
      shared_(std::make_unique<Shared>(config_->proxies.size(),
                                       connection_ceiling(config_->node.limits.max_connections, descriptor_limit),
                                       config_->node.limits)) {
  const unsigned count = worker_count(config_->node.threads);
  std::vector<Worker*> peers;
  for (unsigned i = 0; i < count; ++i) {
    workers_.push_back(std::make_unique<Worker>(i, config_, *shared_));
    peers.push_back(workers_.back().get());
  }
  for (const auto& worker : workers_) worker->set_peers(peers);
  directory_ = std::make_unique<Directory>(peers, config_->node.name);
  metrics_ = metrics.add([this](metrics::Scrape& scrape) { collect(scrape); });
}

Server::~Server() {
  for (const auto& worker : workers_) worker->stop();
  for (const auto& worker : workers_) worker->join();  // all, before any is gone: they post to each other
}

std::vector<kafka::ReportSink*> Server::lanes() const {
  std::vector<kafka::ReportSink*> lanes;
  for (const auto& worker : workers_) lanes.push_back(worker.get());
  return lanes;
}

std::vector<downlink::WorkerPort*> Server::ports() const {
  std::vector<downlink::WorkerPort*> ports;
  for (const auto& worker : workers_) ports.push_back(worker.get());
  return ports;
}

downlink::SessionDirectory& Server::sessions() noexcept {
  return *directory_;
}

void Server::set_store(cluster::SessionStore* store, std::chrono::milliseconds claim_timeout) {
  shared_->store = store;
  shared_->claim_timeout = claim_timeout;
}

std::vector<cluster::OwnerPort*> Server::owners() const {
  std::vector<cluster::OwnerPort*> owners;
  for (const auto& worker : workers_) owners.push_back(worker.get());
  return owners;
}

void Server::start(const BuildPipelines& build) {
  std::vector<Revision> revisions = make_revisions(config_, build);
  if (revisions.empty()) throw std::runtime_error(config_->diagnostics->format_errors());
  for (std::size_t i = 0; i < config_->proxies.size(); ++i) {
    for (const config::ListenerConfig& listener : config_->proxies[i].listeners) listen(i, listener);
  }
  for (unsigned w = 0; w < workers(); ++w) workers_[w]->apply(std::move(revisions[w]));
  for (const auto& worker : workers_) worker->start();
}

bool Server::reload(std::shared_ptr<const config::Config> config, const BuildPipelines& build) {
  std::vector<Revision> revisions = make_revisions(config, build);
  if (revisions.empty()) return false;
  config_ = std::move(config);
  const config::LimitsConfig& limits = config_->node.limits;
  shared_->places.set_limits(connection_ceiling(limits.max_connections, descriptor_limit_),
                             limits.max_connections_per_address);
  shared_->memory.set_limit(limits.max_memory_bytes);
  for (unsigned w = 0; w < workers(); ++w) workers_[w]->post_revision(std::move(revisions[w]));
  return true;
}

std::vector<Revision> Server::make_revisions(const std::shared_ptr<const config::Config>& config,
                                             const BuildPipelines& build) const {
  bool complete = true;
  std::vector<std::shared_ptr<const TlsContext>> tls;
  for (const config::ProxyConfig& proxy : config->proxies) {
    for (const config::ListenerConfig& listener : proxy.listeners) {
      tls.push_back(listener.tls ? TlsContext::create(*listener.tls) : nullptr);
      complete = complete && (!listener.tls || tls.back());
    }
  }
  std::vector<Revision> revisions;
  for (unsigned w = 0; complete && w < workers(); ++w) {
    revisions.push_back({config, build(w), tls});
    complete = std::ranges::none_of(revisions.back().pipelines, [](const PipelinePtr& made) { return !made; });
  }
  if (!complete) revisions.clear();
  return revisions;
}

void Server::listen(std::size_t proxy, const config::ListenerConfig& config) {
  const std::vector<int> sockets = listen_sockets(config.endpoint, workers());
  const std::string& name = proxies_[proxy];
  const std::string address = peer_address(local_endpoint(sockets.front()));
  Entrance& entrance = shared_->entrances.emplace_back(name, address, shared_->places);
  for (unsigned w = 0; w < workers(); ++w) {
    workers_[w]->add_listener(proxy, sockets[w], config.proxy_protocol, entrance.door);
  }
  spdlog::info("listening proxy={} address={} transport={}{}", name, address, config.tls ? "tls" : "tcp",
               config.proxy_protocol ? " proxy_protocol=true" : "");
}

void Server::stop_reading() {
  for (const auto& worker : workers_) worker->post_stop_reading();
}

void Server::close_all() {
  for (const auto& worker : workers_) worker->post_close_all();
  for (const auto& worker : workers_) worker->join();
}

std::uint32_t Server::max_connections() const noexcept {
  return shared_->places.max_connections();
}

bool Server::memory_full() const noexcept {
  return shared_->memory.full();
}

std::vector<std::uint64_t> Server::heartbeats() const {
  std::vector<std::uint64_t> heartbeats;
  for (const auto& worker : workers_) heartbeats.push_back(worker->sweeps());
  return heartbeats;
}

void Server::collect(metrics::Scrape& scrape) const {
  std::vector<const WorkerCounters*> counters;
  for (const auto& worker : workers_) counters.push_back(&std::as_const(*worker).counters());
  net::collect(counters, scrape);
  collect_downlink(scrape);
  for (const Entrance& entrance : shared_->entrances) {
    scrape.gauge("mqttproxy_listener_connections", "Open MQTT connections by the listener they came to.",
                 entrance.door.open(), {{"proxy", entrance.proxy}, {"address", entrance.address}});
  }
  for (std::size_t i = 0; i < proxies_.size(); ++i) {
    scrape.gauge("mqttproxy_connected_clients", "Connections whose CONNECT was accepted.",
                 shared_->connected[i].load(std::memory_order_relaxed), {{"proxy", proxies_[i]}});
  }
  scrape.gauge("mqttproxy_connections_limit", "Connections this node takes at most.",
               shared_->places.max_connections());
  scrape.gauge("process_resident_memory_bytes", "Resident memory size in bytes.",
               static_cast<double>(shared_->memory.bytes()));
  scrape.gauge("mqttproxy_memory_limit_bytes", "limits.maxMemory; 0: none.",
               static_cast<double>(shared_->memory.limit()));
  scrape.gauge("mqttproxy_memory_full", "1 while memory is above limits.maxMemory.", shared_->memory.full() ? 1 : 0);
  scrape.gauge("mqttproxy_workers", "Worker threads.", workers());
}

void Server::collect_downlink(metrics::Scrape& scrape) const {
  Fanout::Depth depth;
  std::uint64_t refused = 0;
  for (const auto& worker : workers_) {
    const Fanout& fanout = worker->fanout();
    const Fanout::Depth queued = fanout.depth();
    depth.messages += queued.messages;
    depth.bytes += queued.bytes;
    refused += fanout.refused();
  }
  scrape.gauge("mqttproxy_downlink_inbox_messages", "Messages published and not yet handed to sessions, all workers.",
               static_cast<double>(depth.messages));
  scrape.gauge("mqttproxy_downlink_inbox_bytes", "The same in bytes.", static_cast<double>(depth.bytes));
  scrape.counter("mqttproxy_downlink_inbox_refused_total", "Messages not taken because a worker's inbox was full.",
                 static_cast<double>(refused));
}

}  // namespace mqttproxy::net
