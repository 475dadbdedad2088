#include "mqttproxy/http/api_server.hpp"

#include <chrono>
#include <filesystem>
#include <stdexcept>
#include <string_view>
#include <thread>

#include <httplib.h>
#include <netinet/in.h>
#include <nlohmann/json.hpp>
#include <openssl/crypto.h>
#include <sys/socket.h>

#include "mqttproxy/util/log.hpp"

#include "task_queue.hpp"

namespace mqttproxy::http {

namespace {

constexpr std::size_t kMaxConnections = 1'024;  // each holds a thread while it is open
constexpr std::size_t kMaxBodyBytes = 8U << 20U;
constexpr std::size_t kRequestsPerConnection = 1'000'000;
constexpr std::chrono::seconds kIdle{60};
constexpr std::chrono::seconds kReadTimeout{5};
constexpr int kBacklog = 1'024;

/// "Bearer TOKEN", compared in constant time.
bool authorised(const httplib::Request& request, std::string_view token) {
  if (token.empty()) return true;
  static constexpr std::string_view kScheme = "Bearer ";
  const std::string given = request.get_header_value("Authorization");
  if (given.size() != kScheme.size() + token.size() || !given.starts_with(kScheme)) return false;
  return CRYPTO_memcmp(given.data() + kScheme.size(), token.data(), token.size()) == 0;
}

void json(httplib::Response& response, int status, const nlohmann::json& body) {
  response.status = status;
  response.set_content(body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace), "application/json");
}

}  // namespace

class ApiServer::Impl {
 public:
  Impl(const config::ApiConfig& config, const metrics::Registry& metrics, Readiness readiness)
      : config_(config), metrics_(metrics), readiness_(std::move(readiness)) {
    server_.new_task_queue = [] { return new TaskQueue(kMaxConnections); };
    server_.set_keep_alive_max_count(kRequestsPerConnection);
    server_.set_keep_alive_timeout(kIdle.count());
    server_.set_read_timeout(kReadTimeout);
    server_.set_write_timeout(kReadTimeout);
    server_.set_payload_max_length(kMaxBodyBytes);
    server_.set_tcp_nodelay(true);
    for (const std::string prefix : {"", "/apis/v1", "/apis/v2"}) route(prefix);
    server_.set_error_handler([](const httplib::Request&, httplib::Response& response) {
      if (response.body.empty()) {
        json(response, response.status, {{"code", response.status}, {"message", "no such resource or method"}});
      }
    });
  }

  void start() {
    // The library's default is SO_REUSEPORT, by which a second daemon would share the port without an error.
    socket_t listening = -1;
    server_.set_socket_options([&listening](socket_t socket) {
      const int on = 1;
      ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
      listening = socket;
    });
    const int wanted = config_.address.port;
    const int bound = wanted == 0 ? server_.bind_to_any_port(config_.address.host.c_str())
                                  : (server_.bind_to_port(config_.address.host.c_str(), wanted) ? wanted : -1);
    if (bound < 0) {
      throw std::runtime_error("listen on " + config_.address.host + ":" + std::to_string(wanted) +
                               " (api.address): the address cannot be bound");
    }
    server_.set_socket_options([](socket_t) {});
    ::listen(listening, kBacklog);  // again: the library's backlog is five, compiled in
    port_ = static_cast<std::uint16_t>(bound);
    spdlog::info("api listening address={}:{}", config_.address.host, bound);
    thread_ = std::thread([this] { server_.listen_after_bind(); });
  }

  void stop() {
    if (!thread_.joinable()) return;
    while (!server_.is_running()) std::this_thread::yield();  // stop() before listen_after_bind() would be lost
    server_.stop();
    end_connections();
    thread_.join();
  }

  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }

 private:
  /// The library waits for idle keep-alive connections to time out and has no handle to them: end them by their port.
  void end_connections() const {
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
      const int fd = std::stoi(entry.path().filename());
      sockaddr_in6 local{};
      socklen_t size = sizeof local;
      // The port is at the same place in IPv4 and IPv6 addresses.
      if (::getsockname(fd, reinterpret_cast<sockaddr*>(&local), &size) == 0 &&
          (local.sin6_family == AF_INET || local.sin6_family == AF_INET6) && ntohs(local.sin6_port) == port_) {
        ::shutdown(fd, SHUT_RDWR);
      }
    }
  }

  void route(const std::string& prefix) {
    server_.Get(prefix + "/healthz", [](const httplib::Request&, httplib::Response& response) {
      json(response, 200, {{"alive", true}});
    });
    server_.Get(prefix + "/readyz", [this](const httplib::Request&, httplib::Response& response) {
      const std::vector<std::string> reasons = readiness_();
      json(response, reasons.empty() ? 200 : 503, {{"ready", reasons.empty()}, {"reasons", reasons}});
    });
    server_.Get(prefix + "/metrics", [this](const httplib::Request& request, httplib::Response& response) {
      if (!authorised(request, config_.token)) {
        response.set_header("WWW-Authenticate", "Bearer");
        return json(response, 401, {{"code", 401}, {"message", "a bearer token is needed"}});
      }
      response.set_content(metrics_.serialize(), "text/plain; version=0.0.4; charset=utf-8");
    });
  }

  const config::ApiConfig& config_;
  const metrics::Registry& metrics_;
  Readiness readiness_;
  httplib::Server server_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

ApiServer::ApiServer(const config::ApiConfig& config, const metrics::Registry& metrics, Readiness readiness)
    : impl_(std::make_unique<Impl>(config, metrics, std::move(readiness))) {}
ApiServer::~ApiServer() {
  stop();
}
void ApiServer::start() {
  impl_->start();
}
void ApiServer::stop() {
  impl_->stop();
}
std::uint16_t ApiServer::port() const noexcept {
  return impl_->port();
}

}  // namespace mqttproxy::http
