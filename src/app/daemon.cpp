// Wiring and the life of the process: start, signals, drain.
#include <atomic>
#include <chrono>
#include <csignal>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <sys/resource.h>

#include "mqttproxy/http/api_server.hpp"
#include "mqttproxy/net/server.hpp"
#include "mqttproxy/util/deadline.hpp"
#include "mqttproxy/util/log.hpp"

#include "assembly.hpp"
#include "commands.hpp"
#include "exit_code.hpp"
#include "pulse.hpp"
#include "service_manager.hpp"

namespace mqttproxy::app {

namespace {

constexpr unsigned kHashingThreads = 2;

/// Raises the soft limit on open files to the hard one; returns it.
std::uint64_t raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1'024;
  limit.rlim_cur = limit.rlim_max;
  (void)::setrlimit(RLIMIT_NOFILE, &limit);
  (void)::getrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur;
}

void ignore_sigpipe() {
  struct sigaction action {};
  action.sa_handler = SIG_IGN;
  (void)::sigaction(SIGPIPE, &action, nullptr);
}

void start_logging(const config::LogConfig& config) {
  util::init_logging(spdlog::level::from_str(config.level == "warning" ? "warn" : config.level),
                     config.format == "json" ? util::LogFormat::Json : util::LogFormat::Text);
}

class Daemon {
 public:
  explicit Daemon(const config::Config& config)
      : config_(config),
        signals_(io_, SIGTERM, SIGINT, SIGHUP),
        server_(config, raise_descriptor_limit(), metrics_),
        producers_(server_.lanes(), metrics_),
        cluster_(make_cluster(config, metrics_)),
        bus_(make_bus(config, ports(), metrics_)),
        directory_(cluster_ ? cluster_->directory(server_.sessions()) : nullptr),
        hashing_("passwords", kHashingThreads, config.node.limits.max_waiting_passwords),
        api_(
            config.node.api, metrics_, [this] { return reasons_not_ready(); }, backends()) {}

  void start() {
    service_manager_.starting("starting");
    started_ = std::chrono::system_clock::now();
    info_ = metrics_.add([this](metrics::Scrape& scrape) { collect(scrape); });
    const pipeline::FilterRegistry registry = make_registry(
        [this](const kafka::ProducerOptions& options) -> kafka::RecordSink& { return producers_.get(options); },
        &hashing_);
    if (cluster_) {
      server_.set_store(&cluster_->store());
      cluster_->start(server_.owners());
    } else {
      spdlog::info("downlink mode=local: sessions and what waits in them are in this process's memory only");
    }
    server_.start([&] {
      service_manager_.starting("making pipelines");  // once per worker: with thousands of users this takes its time
      return build_pipelines(config_, registry);
    });
    api_.start();  // after the pipelines: readiness looks at the producers they made
    spdlog::info("started version={} node={} workers={} max_connections={}", MQTTPROXY_VERSION, config_.node.name,
                 server_.workers(), server_.max_connections());
    service_manager_.ready([this] { return server_.heartbeats(); }, [this] { return status(); });
  }

  /// Returns when SIGTERM or SIGINT has come.
  void wait() {
    await_signal();
    io_.run();
  }

  /// Accepts and reads no more, lets Kafka answer, sends the last acknowledgements, closes.
  [[nodiscard]] int drain() {
    draining_.store(true);
    const auto timeout = config_.node.limits.drain_timeout;
    service_manager_.stopping(timeout);
    spdlog::info("draining timeout_ms={}", timeout.count());
    server_.stop_reading();
    const auto deadline = std::chrono::steady_clock::now() + timeout;
    const std::size_t given_up = producers_.drain(timeout);
    // Before the API, whose requests wait for it.
    bus_->stop(util::time_left(deadline));
    api_.stop();  // before the workers end: what is asked and published meets somebody
    server_.close_all();
    if (cluster_) cluster_->drain(util::time_left(deadline));  // after the workers: they hand their sessions over
    if (given_up != 0) {
      spdlog::error("stopped records_given_up={}: not acknowledged to their devices, which will send them again",
                    given_up);
      return kExitFailure;
    }
    spdlog::info("stopped");
    return kExitOk;
  }

 private:
  void await_signal() {
    signals_.async_wait([this](const boost::system::error_code& error, int signal) {
      if (error) return;
      if (signal == SIGHUP) {
        spdlog::warn("SIGHUP ignored: this version does not reload; restart to apply a new configuration");
        return await_signal();
      }
      spdlog::info("signal received number={}", signal);
      io_.stop();
    });
  }

  /// Where messages to devices go. The cluster first: what a worker has got, it has as well.
  [[nodiscard]] std::vector<downlink::WorkerPort*> ports() {
    std::vector<downlink::WorkerPort*> ports = server_.ports();
    if (cluster_) ports.insert(ports.begin(), &cluster_->port());
    return ports;
  }

  [[nodiscard]] http::Backends backends() {
    std::vector<std::string> proxies;
    for (const config::ProxyConfig& proxy : config_.proxies) proxies.push_back(proxy.name);
    const config::LimitsConfig& limits = config_.node.limits;
    downlink::SessionDirectory& sessions = directory_ ? *directory_ : server_.sessions();
    return {*bus_, sessions, std::move(proxies), limits.max_topic_bytes, limits.max_topic_levels, [this] {
              return reason_not_alive();
            }};
  }

  [[nodiscard]] std::string reason_not_alive() {
    if (draining_.load()) return "";  // workers end one after the other
    const auto silent = pulse_.silent_worker(server_.heartbeats(), Pulse::Clock::now());
    return silent ? fmt::format("worker {} does not answer", *silent) : "";
  }

  [[nodiscard]] std::vector<std::string> reasons_not_ready() const {
    std::vector<std::string> reasons = producers_.reasons_not_ready();
    if (std::string reason = bus_->reason_not_ready(); !reason.empty()) reasons.push_back("downlink: " + reason);
    if (cluster_) {
      if (std::string reason = cluster_->reason_not_ready(); !reason.empty()) reasons.push_back(std::move(reason));
    }
    if (draining_.load()) reasons.emplace_back("draining");
    return reasons;
  }

  /// For `systemctl status`.
  [[nodiscard]] std::string status() const {
    const std::vector<std::string> reasons = reasons_not_ready();
    return reasons.empty() ? "ready" : fmt::format("not ready: {}", fmt::join(reasons, "; "));
  }

  void collect(metrics::Scrape& scrape) const {
    scrape.gauge("mqttproxy_build_info", "Always 1; the version is the label.", 1, {{"version", MQTTPROXY_VERSION}});
    scrape.gauge("mqttproxy_start_time_seconds", "Unix time of the start.",
                 std::chrono::duration<double>(started_.time_since_epoch()).count());
    scrape.gauge("mqttproxy_password_checks_waiting", "CONNECT packets that wait for a slow password hash.",
                 static_cast<double>(hashing_.waiting()));
    scrape.counter("mqttproxy_password_checks_refused_total", "CONNECT packets refused because too many waited.",
                   static_cast<double>(hashing_.refused()));
    scrape.counter("mqttproxy_watchdog_missed_total",
                   "Pings of systemd's watchdog not sent because a worker did not answer.",
                   static_cast<double>(service_manager_.missed_pings()));
    scrape.gauge("mqttproxy_ready", "1 when /readyz answers 200.", reasons_not_ready().empty() ? 1 : 0);
  }

  const config::Config& config_;
  boost::asio::io_context io_;
  boost::asio::signal_set signals_;
  ServiceManager service_manager_{io_};
  metrics::Registry metrics_;
  net::Server server_;
  ProducerPool producers_;                     // gone before the server whose workers they report to
  std::unique_ptr<cluster::Cluster> cluster_;  // nullptr: one node, in memory
  std::unique_ptr<downlink::Bus> bus_;
  std::unique_ptr<downlink::SessionDirectory> directory_;  // of all nodes; nullptr without a cluster
  util::TaskPool hashing_;                                 // gone before the workers it posts to
  Pulse pulse_;
  http::ApiServer api_;  // gone before everything it asks
  metrics::Registry::Handle info_;
  std::chrono::system_clock::time_point started_;
  std::atomic<bool> draining_{false};
};

}  // namespace

int run_daemon(const RunOptions& options) {
  ignore_sigpipe();
  const auto config = load_and_validate(options.config);
  if (!config) return kExitUsage;
  start_logging(config->node.log);
  for (const config::Problem& warning : config->diagnostics->warnings()) {
    spdlog::warn("configuration {}:{}:{}: {}: {}", options.config, warning.mark.line, warning.mark.column, warning.path,
                 warning.text);
  }
  Daemon daemon(*config);
  try {
    daemon.start();
  } catch (const std::exception& error) {
    spdlog::critical("start failed: {}", error.what());
    return kExitFailure;
  }
  daemon.wait();
  return daemon.drain();
}

}  // namespace mqttproxy::app
