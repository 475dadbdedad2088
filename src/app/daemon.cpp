// Wiring and the life of the process: start, signals, drain.
#include <atomic>
#include <chrono>
#include <csignal>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <sys/resource.h>

#include "mqttproxy/http/api_server.hpp"
#include "mqttproxy/net/server.hpp"
#include "mqttproxy/util/deadline.hpp"
#include "mqttproxy/util/log.hpp"

#include "assembly.hpp"
#include "commands.hpp"
#include "exit_code.hpp"
#include "explainer.hpp"
#include "producer_pool.hpp"
#include "pulse.hpp"
#include "service_manager.hpp"

namespace mqttproxy::app {

namespace {

constexpr unsigned kHashingThreads = 2;
constexpr std::chrono::seconds kRetiredInterval{1};
/// Each has a queue of its own, and may wait for a Kafka that does not come back.
constexpr std::size_t kMaxRetired = 8;
constexpr std::chrono::milliseconds kLookAgain{100};
constexpr std::chrono::seconds kExplainPatience{5};

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
  util::init_logging(spdlog::level::from_str(config.level),
                     config.format == "json" ? util::LogFormat::Json : util::LogFormat::Text);
}

void log_problems(spdlog::level::level_enum level, const std::string& file,
                  const std::vector<config::Problem>& problems) {
  for (const config::Problem& problem : problems) {
    spdlog::log(level, "configuration {}:{}:{}: {}: {}", file, problem.mark.line, problem.mark.column, problem.path,
                problem.text);
  }
}

class Daemon {
 public:
  explicit Daemon(std::shared_ptr<const config::Config> config)
      : config_(std::move(config)),
        signals_(io_, SIGTERM, SIGINT, SIGHUP),
        retired_timer_(io_),
        server_(config_, raise_descriptor_limit(), metrics_),
        producers_([this](const kafka::ProducerOptions& options) {
          return kafka::Producer::create(options, server_.lanes(), metrics_);
        }),
        cluster_(make_cluster(*config_, metrics_)),
        bus_(make_bus(*config_, ports(), metrics_)),
        directory_(cluster_ ? cluster_->directory(server_.sessions()) : nullptr),
        hashing_("passwords", kHashingThreads, config_->node.limits.max_waiting_passwords),
        api_(
            config_->node.api, config_->node.limits, metrics_, [this] { return reasons_not_ready(); }, backends()) {
    for (unsigned w = 0; w < server_.workers(); ++w) {
      filter_stats_.push_back(std::make_unique<pipeline::WorkerFilterStats>());
    }
  }

  void start() {
    service_manager_.starting("starting");
    started_ = std::chrono::system_clock::now();
    info_ = metrics_.add([this](metrics::Scrape& scrape) { collect(scrape); });
    if (cluster_) {
      server_.set_store(&cluster_->store());
      cluster_->start(server_.owners());
    } else {
      spdlog::info("downlink mode=local: sessions and what waits in them are in this process's memory only");
    }
    const auto build = builder(*config_);
    server_.start([&](unsigned worker) {
      service_manager_.starting("making pipelines");  // once per worker: with thousands of users this takes its time
      return build(worker);
    });
    producers_.keep_configuration();
    api_.start();  // after the pipelines: readiness looks at the producers they made
    spdlog::info("started version={} node={} workers={} max_connections={}", MQTTPROXY_VERSION, config_->node.name,
                 server_.workers(), server_.max_connections());
    service_manager_.ready([this] { return silent_worker(); }, [this] { return status(); });
  }

  /// Returns when SIGTERM or SIGINT has come.
  void wait() {
    await_signal();
    io_.run();
  }

  /// Accepts and reads no more, lets Kafka answer, sends the last acknowledgements, closes.
  [[nodiscard]] int drain() {
    draining_.store(true);
    const auto timeout = config_->node.limits.drain_timeout;
    service_manager_.stopping(timeout);
    spdlog::info("draining timeout_ms={}", timeout.count());
    server_.stop_reading();
    const auto deadline = std::chrono::steady_clock::now() + timeout;
    // A third is kept for the sessions, which are written down last.
    const auto handover = cluster_ ? timeout / 3 : std::chrono::milliseconds(0);
    const std::size_t given_up = producers_.drain(timeout - handover);
    // Before the API, whose requests wait for it.
    bus_->stop(util::time_left(deadline - handover));
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
        (void)reload();
        return await_signal();
      }
      spdlog::info("signal received number={}", signal);
      io_.stop();
    });
  }

  /// Reads the file again and goes on with what it says; with an error in it, or in what it asks for, nothing changes.
  std::shared_ptr<const config::Diagnostics> reload() {
    const auto diagnostics = std::make_shared<config::Diagnostics>(config_->diagnostics->file());
    auto loaded = load_and_validate(diagnostics);
    if (producers_.retired() >= kMaxRetired) {
      diagnostics->error({}, "", "producers of earlier configurations still have records that Kafka has not taken");
    }
    if (loaded && config::check_reload(*config_, *loaded) && diagnostics->ok()) {
      take_over(std::make_shared<const config::Config>(std::move(*loaded)));
    }
    ++(diagnostics->ok() ? reloads_ : reloads_refused_);
    if (diagnostics->ok()) {
      log_problems(spdlog::level::warn, diagnostics->file(), diagnostics->warnings());
      spdlog::info("configuration reloaded file={}", diagnostics->file());
    } else {
      log_problems(spdlog::level::err, diagnostics->file(), diagnostics->errors());
      spdlog::error("configuration refused file={} errors={}: the one in use stays", diagnostics->file(),
                    diagnostics->errors().size());
    }
    return diagnostics;
  }

  /// Runs `action` on the main thread, for threads of the API; nullopt: the daemon stops, and the main thread has other
  /// things to do.
  template <class Action>
  auto ask_main(Action action) -> std::optional<decltype(action())> {
    const auto promise = std::make_shared<std::promise<decltype(action())>>();
    auto answer = promise->get_future();
    boost::asio::post(io_, [promise, action] { promise->set_value(action()); });
    while (answer.wait_for(kLookAgain) != std::future_status::ready) {
      if (draining_.load()) return std::nullopt;
    }
    return answer.get();
  }

  /// One after the other: each may have a client of Kafka of its own.
  std::optional<http::Explanation> explain(const http::Question& question) {
    // By the system's clock: ThreadSanitizer does not know the call by which a duration would be waited for.
    const std::unique_lock lock(explaining_, std::chrono::system_clock::now() + kExplainPatience);
    if (!lock) return std::nullopt;
    const auto explainer = ask_main([this, question] { return std::make_shared<Explainer>(config_, question); });
    return explainer ? std::optional((*explainer)->explain()) : std::nullopt;
  }

  /// What fails is in the diagnostics, and has changed nothing.
  void take_over(std::shared_ptr<const config::Config> next) {
    producers_.begin_configuration();
    if (!server_.reload(next, builder(*next))) return producers_.drop_configuration();
    producers_.keep_configuration();
    {
      const std::scoped_lock lock(config_mutex_);
      config_ = std::move(next);
    }
    hashing_.set_max_waiting(config_->node.limits.max_waiting_passwords);
    spdlog::set_level(spdlog::level::from_str(config_->node.log.level));
    try {
      api_.reload(config_->node.api, config_->node.limits);
    } catch (const std::runtime_error& error) {  // no memory for TLS
      spdlog::error("api not reloaded error=\"{}\"", error.what());
    }
    end_retired();
  }

  /// Producers that only an earlier configuration had asked for end when they have nothing left to do.
  void end_retired() {
    (void)producers_.end_retired();
    if (producers_.retired() == 0) return;
    retired_timer_.expires_after(kRetiredInterval);
    retired_timer_.async_wait([this](const boost::system::error_code& error) {
      if (!error) end_retired();
    });
  }

  /// `config` must outlive what is built while it is built.
  [[nodiscard]] net::Server::BuildPipelines builder(const config::Config& config) {
    const auto registry = std::make_shared<const pipeline::FilterRegistry>(
        make_registry([this](const kafka::ProducerOptions& options) { return producers_.get(options); }, &hashing_));
    return [this, registry, &config](unsigned worker) {
      return build_pipelines(config, *registry, filter_stats_[worker].get());
    };
  }

  /// Where messages to devices go. The cluster first: what a worker has got, it has as well.
  [[nodiscard]] std::vector<downlink::WorkerPort*> ports() {
    std::vector<downlink::WorkerPort*> ports = server_.ports();
    if (cluster_) ports.insert(ports.begin(), &cluster_->port());
    return ports;
  }

  [[nodiscard]] http::Backends backends() {
    downlink::SessionDirectory& sessions = directory_ ? *directory_ : server_.sessions();
    return {.bus = *bus_,
            .sessions = sessions,
            .proxies = config_->proxy_names(),
            // A copy: whoever asks for an explanation has pipelines built, which report to the original.
            .reload =
                [this] {
                  return ask_main([this] { return std::make_shared<const config::Diagnostics>(*reload()); })
                      .value_or(nullptr);
                },
            .reason_not_alive = [this] { return reason_not_alive(); },
            .memory_full = [this] { return server_.memory_full(); },
            .config = [this] { return current_config(); },
            .explain = [this](const http::Question& question) { return explain(question); },
            .recent_log = &util::recent_log()};
  }

  [[nodiscard]] std::optional<std::size_t> silent_worker() {
    return pulse_.silent_worker(server_.heartbeats(), Pulse::Clock::now());
  }

  /// Thread: any.
  [[nodiscard]] std::shared_ptr<const config::Config> current_config() {
    const std::scoped_lock lock(config_mutex_);
    return config_;
  }

  [[nodiscard]] std::string reason_not_alive() {
    if (draining_.load()) return "";  // workers end one after the other
    const auto silent = silent_worker();
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
    pipeline::collect(filter_stats_, scrape);
    scrape.gauge("mqttproxy_build_info", "Always 1; the version is the label.", 1, {{"version", MQTTPROXY_VERSION}});
    scrape.gauge("mqttproxy_start_time_seconds", "Unix time of the start.",
                 std::chrono::duration<double>(started_.time_since_epoch()).count());
    scrape.gauge("mqttproxy_password_checks_waiting", "CONNECT packets that wait for a slow password hash.",
                 static_cast<double>(hashing_.waiting()));
    scrape.counter("mqttproxy_password_checks_refused_total", "CONNECT packets refused because too many waited.",
                   static_cast<double>(hashing_.refused()));
    for (const auto& [result, count] : {std::pair{"ok", &reloads_}, std::pair{"refused", &reloads_refused_}}) {
      scrape.counter("mqttproxy_reloads_total", "Times the configuration was read again, by what became of it.",
                     static_cast<double>(count->load()), {{"result", result}});
    }
    scrape.counter("mqttproxy_watchdog_missed_total",
                   "Pings of systemd's watchdog not sent because a worker did not answer.",
                   static_cast<double>(service_manager_.missed_pings()));
    scrape.gauge("mqttproxy_ready", "1 when /readyz answers 200.", reasons_not_ready().empty() ? 1 : 0);
  }

  std::mutex config_mutex_;
  std::shared_ptr<const config::Config> config_;  // written by the main thread only, with the mutex
  std::timed_mutex explaining_;
  boost::asio::io_context io_;
  boost::asio::signal_set signals_;
  boost::asio::steady_timer retired_timer_;
  ServiceManager service_manager_{io_};
  metrics::Registry metrics_;
  std::vector<std::unique_ptr<pipeline::WorkerFilterStats>> filter_stats_;  // by worker
  net::Server server_;
  ProducerPool producers_;                     // gone before the server whose workers they report to
  std::unique_ptr<cluster::Cluster> cluster_;  // nullptr: one node, in memory
  std::unique_ptr<downlink::Bus> bus_;
  std::unique_ptr<downlink::SessionDirectory> directory_;  // of all nodes; nullptr without a cluster
  util::TaskPool hashing_;                                 // gone before the workers it posts to
  Pulse pulse_{service_manager_.patience()};
  http::ApiServer api_;  // gone before everything it asks
  metrics::Registry::Handle info_;
  std::chrono::system_clock::time_point started_;
  std::atomic<bool> draining_{false};
  std::atomic<std::uint64_t> reloads_{0};
  std::atomic<std::uint64_t> reloads_refused_{0};
};

}  // namespace

int run_daemon(const RunOptions& options) {
  ignore_sigpipe();
  auto loaded = load_and_validate(options.config);
  if (!loaded) return kExitUsage;
  const auto config = std::make_shared<const config::Config>(std::move(*loaded));
  start_logging(config->node.log);
  log_problems(spdlog::level::warn, options.config, config->diagnostics->warnings());
  Daemon daemon(config);
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
