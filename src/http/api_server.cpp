#include "mqttproxy/http/api_server.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <utility>

#include <sys/socket.h>

#include "mqttproxy/util/log.hpp"

#include "api.hpp"
#include "counters.hpp"
#include "server.hpp"
#include "settings.hpp"

namespace mqttproxy::http {

namespace {

using std::chrono::milliseconds;

constexpr int kBacklog = 1'024;
constexpr milliseconds kStopPatience{2'000};
constexpr milliseconds kRebindPause{1'000};

}  // namespace

class ApiServer::Impl {
 public:
  Impl(const config::ApiConfig& config, const config::LimitsConfig& limits, metrics::Registry& metrics,
       Readiness readiness, Backends backends)
      : address_(config.address),
        settings_(make_settings(config, limits)),
        api_(settings_, metrics, std::move(readiness), std::move(backends), counters_),
        server_(settings_, api_, counters_),
        collector_(metrics.add([this](metrics::Scrape& scrape) { collect(scrape); })) {}

  void start() {
    port_ = address_.port;
    if (!bind()) {
      throw std::runtime_error("listen on " + address_.host + ":" + std::to_string(address_.port) +
                               " (api.address): the address cannot be bound");
    }
    spdlog::info("api listening address={}:{} tls={}", address_.host, port_, settings_.get()->tls != nullptr);
    thread_ = std::thread([this] { run(); });
  }

  void stop() {
    if (!thread_.joinable()) return;
    {
      const std::scoped_lock lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    // The library's stop() has no effect before it listens.
    while (!server_.is_running() && !ended_) std::this_thread::yield();
    server_.stop();
    server_.connections().close_all(kStopPatience);
    thread_.join();
  }

  void reload(const config::ApiConfig& config, const config::LimitsConfig& limits) {
    settings_.set(make_settings(config, limits));
  }

  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }

 private:
  void collect(metrics::Scrape& scrape) {
    counters_.collect(scrape, server_.connections().size());
    const auto settings = settings_.get();
    if (!settings->tls) return;
    scrape.gauge("mqttproxy_http_tls_certificate_not_after_seconds",
                 "Unix time at which the certificate of the API expires.",
                 static_cast<double>(util::tls_validity(*settings->tls).not_after.time_since_epoch().count()));
  }

  /// To port_; where that is 0, to one of the system's choice, which port_ then is.
  bool bind() {
    // The library's default is SO_REUSEPORT, by which a second daemon would share the port without an error.
    socket_t listening = -1;
    server_.set_socket_options([&listening](socket_t socket) {
      const int on = 1;
      ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
      listening = socket;
    });
    const int bound = port_ == 0                                   ? server_.bind_to_any_port(address_.host)
                      : server_.bind_to_port(address_.host, port_) ? port_
                                                                   : -1;
    server_.set_socket_options([](socket_t) {});
    if (bound < 0) return false;
    ::listen(listening, kBacklog);                              // again: the library's backlog is five, compiled in
    if (port_ == 0) port_ = static_cast<std::uint16_t>(bound);  // from then on only read, by any thread
    return true;
  }

  void run() {
    // The library stops listening for good at the first error of accept() but one.
    while (!stopped() && !server_.listen_after_bind()) {
      spdlog::error("api no longer listening port={}: trying again", port_);
      while (!wait_stopping(kRebindPause) && !bind()) {
      }
    }
    ended_ = true;
  }

  bool stopped() {
    const std::scoped_lock lock(mutex_);
    return stopping_;
  }

  bool wait_stopping(milliseconds pause) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, pause, [this] { return stopping_; });
  }

  const config::Endpoint address_;
  Counters counters_;
  CurrentSettings settings_;
  const Api api_;
  Server server_;
  metrics::Registry::Handle collector_;
  std::uint16_t port_ = 0;
  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  std::atomic<bool> ended_{false};
};

ApiServer::ApiServer(const config::ApiConfig& config, const config::LimitsConfig& limits, metrics::Registry& metrics,
                     Readiness readiness, Backends backends)
    : impl_(std::make_unique<Impl>(config, limits, metrics, std::move(readiness), std::move(backends))) {}
ApiServer::~ApiServer() {
  stop();
}
void ApiServer::start() {
  impl_->start();
}
void ApiServer::stop() {
  impl_->stop();
}
void ApiServer::reload(const config::ApiConfig& config, const config::LimitsConfig& limits) {
  impl_->reload(config, limits);
}
std::uint16_t ApiServer::port() const noexcept {
  return impl_->port();
}

}  // namespace mqttproxy::http
