// The MQTT side of the daemon: listeners, workers, connections. A facade for app.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "mqttproxy/cluster/session_store.hpp"
#include "mqttproxy/config/config.hpp"
#include "mqttproxy/downlink/bus.hpp"
#include "mqttproxy/downlink/session_directory.hpp"
#include "mqttproxy/kafka/producer.hpp"
#include "mqttproxy/metrics/metrics.hpp"
#include "mqttproxy/pipeline/pipeline.hpp"

namespace mqttproxy::net {

class Directory;
class Worker;
struct Revision;
struct Shared;

/// Reports certificates, keys and authorities that no listener can be made of, into the configuration's diagnostics.
/// What it finds nothing wrong with Server::start() takes. Thread: main.
void check_tls(const config::Config& config);

/// Life: construct → lanes() to the producers → start() → drain() → destroy. Thread: main.
class Server {
 public:
  /// `descriptor_limit`: the process's limit on open files.
  Server(std::shared_ptr<const config::Config> config, std::uint64_t descriptor_limit, metrics::Registry& metrics);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Where producers report to, one per worker. They must be gone before the server is.
  [[nodiscard]] std::vector<kafka::ReportSink*> lanes() const;
  /// Where messages to devices go, one per worker. They live as long as the server.
  [[nodiscard]] std::vector<downlink::WorkerPort*> ports() const;
  [[nodiscard]] downlink::SessionDirectory& sessions() noexcept;
  /// Where sessions outlive this node; without it they live in its memory. Before start(); it must outlive the workers'
  /// threads. `claim_timeout`: a CONNECT the store has not answered by then is answered with return code 3.
  void set_store(cluster::SessionStore* store, std::chrono::milliseconds claim_timeout = std::chrono::seconds(5));
  /// The workers as the store sees them: Seat::worker is the index. They live as long as the server.
  [[nodiscard]] std::vector<cluster::OwnerPort*> owners() const;
  /// Pipelines of one worker by index of Config::pipelines: nothing on the packet path is shared.
  using BuildPipelines = std::function<std::vector<std::shared_ptr<pipeline::Pipeline>>(unsigned worker)>;

  /// Binds every listener and starts the workers. Throws std::system_error naming the address when a port is busy.
  void start(const BuildPipelines& build);

  /// Goes on with another configuration: pipelines, limits, certificates. No connection is closed for it, and what has
  /// begun ends as it began; a connection's records go to new producers once those of the old ones are settled.
  /// `config` has the same proxies and listeners (config::check_reload()). False: nothing has changed, and the
  /// diagnostics of `config` say why.
  [[nodiscard]] bool reload(std::shared_ptr<const config::Config> config, const BuildPipelines& build);

  /// Stops accepting and reading. Acknowledgements still leave as reports come in.
  void stop_reading();
  /// Closes every connection, in batches, no will published, and ends the workers' threads.
  void close_all();

  /// Connections there may be at once on this node.
  [[nodiscard]] std::uint32_t max_connections() const noexcept;
  /// True from a look at which memory was above limits.maxMemory until it is well below. Any thread.
  [[nodiscard]] bool memory_full() const noexcept;
  [[nodiscard]] unsigned workers() const noexcept { return static_cast<unsigned>(workers_.size()); }
  /// One number per worker, which moves several times a second as long as that worker does not hang. Any thread.
  [[nodiscard]] std::vector<std::uint64_t> heartbeats() const;

 private:
  void listen(std::size_t proxy, const config::ListenerConfig& config);
  /// One for each worker; none when something is wrong.
  [[nodiscard]] std::vector<Revision> make_revisions(const std::shared_ptr<const config::Config>& config,
                                                     const BuildPipelines& build) const;
  void collect(metrics::Scrape& scrape) const;
  void collect_downlink(metrics::Scrape& scrape) const;

  std::shared_ptr<const config::Config> config_;
  const std::vector<std::string> proxies_;  // names, which no reload changes
  const std::uint64_t descriptor_limit_;
  std::unique_ptr<Shared> shared_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::unique_ptr<Directory> directory_;
  metrics::Registry::Handle metrics_;
};

}  // namespace mqttproxy::net
