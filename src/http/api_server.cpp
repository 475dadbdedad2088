#include "mqttproxy/http/api_server.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <limits>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <utility>

#include <httplib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "mqttproxy/util/log.hpp"

#include "api.hpp"
#include "connection.hpp"
#include "counters.hpp"
#include "open_connections.hpp"
#include "task_queue.hpp"

namespace mqttproxy::http {

namespace {

using std::chrono::milliseconds;

constexpr int kBacklog = 1'024;
constexpr std::size_t kRefusingThreads = 8;  // beside one per connection, for those beyond the limit
constexpr milliseconds kThreadIdle{10'000};
constexpr milliseconds kStopPatience{2'000};
constexpr milliseconds kRebindPause{1'000};
constexpr milliseconds kRefusedLinger{250};

std::string_view reason_phrase(int status) noexcept {
  static constexpr std::array<std::pair<int, std::string_view>, 9> kPhrases = {{
      {400, "Bad Request"},
      {408, "Request Timeout"},
      {413, "Content Too Large"},
      {414, "URI Too Long"},
      {415, "Unsupported Media Type"},
      {417, "Expectation Failed"},
      {431, "Request Header Fields Too Large"},
      {501, "Not Implemented"},
      {503, "Service Unavailable"},
  }};
  for (const auto& [code, phrase] : kPhrases) {
    if (code == status) return phrase;
  }
  return "Error";
}

/// A whole response to what the library never sees.
std::string refusal_response(const Refusal& refusal) {
  const Answer answer = error_answer(refusal.status, refusal.message);
  return "HTTP/1.1 " + std::to_string(refusal.status) + " " + std::string(reason_phrase(refusal.status)) +
         "\r\nConnection: close\r\nContent-Type: " + std::string(answer.content_type) +
         "\r\nContent-Length: " + std::to_string(answer.body.size()) + "\r\n\r\n" + answer.body;
}

Request request_of(const RequestHead& head) {
  return {head.method, head.target, head.authorization, head.has_origin};
}

/// The library's view of a connection: a request line to read, and a place for the response, which leaves in one piece.
class Exchange final : public httplib::Stream {
 public:
  explicit Exchange(const RequestHead& head) : input_("GET " + head.target + " HTTP/1.1\r\n\r\n") {}

  [[nodiscard]] std::string response() && { return std::move(response_); }

  [[nodiscard]] bool is_readable() const override { return true; }
  [[nodiscard]] bool is_writable() const override { return true; }
  ssize_t read(char* to, std::size_t size) override {
    const std::size_t n = input_.copy(to, size, position_);
    position_ += n;
    return static_cast<ssize_t>(n);
  }
  ssize_t write(const char* from, std::size_t size) override {
    response_.append(from, size);
    return static_cast<ssize_t>(size);
  }
  void get_remote_ip_and_port(std::string& /*ip*/, int& /*port*/) const override {}
  void get_local_ip_and_port(std::string& /*ip*/, int& /*port*/) const override {}
  [[nodiscard]] socket_t socket() const override { return INVALID_SOCKET; }

 private:
  const std::string input_;
  std::size_t position_ = 0;
  std::string response_;
};

/// The library listens, accepts, calls handlers and writes responses. Requests are read and checked by Connection
/// before the library sees them: left to itself it runs the body of a refused request as the next request, takes
/// chunked bodies and header fields without limit, and answers one of several pipelined requests.
class Server final : public httplib::Server {
 public:
  Server(const config::ApiConfig& config, const Api& api, Counters& counters)
      : config_(config), api_(api), counters_(counters) {
    limits_.idle = config.idle_timeout;
    new_task_queue = [this] { return new TaskQueue(config_.max_connections + kRefusingThreads, kThreadIdle); };
    set_keep_alive_timeout(std::chrono::duration_cast<std::chrono::seconds>(config.idle_timeout).count());
    set_keep_alive_max_count(std::numeric_limits<int>::max());
    set_tcp_nodelay(true);
    set_pre_routing_handler([this](const httplib::Request& request, httplib::Response& response) {
      handle(request, response);
      return HandlerResponse::Handled;
    });
    set_exception_handler([](const httplib::Request& request, httplib::Response& response, std::exception_ptr error) {
      std::string what = "unknown";
      try {
        std::rethrow_exception(std::move(error));
      } catch (const std::exception& exception) {
        what = exception.what();
      } catch (...) {
      }
      spdlog::error("api request failed method={} error=\"{}\"", request.method, what);
      response.status = 500;
      response.set_content(error_answer(500, "internal error").body, "application/json");
    });
  }

  [[nodiscard]] OpenConnections& connections() noexcept { return connections_; }

 private:
  bool process_and_close_socket(socket_t fd) override {
    if (connections_.add(fd) > config_.max_connections) {
      refuse(fd);
    } else {
      Connection connection(fd, limits_);
      while (serve(connection)) {
      }
    }
    connections_.remove(fd);
    ::close(fd);
    return true;
  }

  void refuse(socket_t fd) {
    counters_.connection_refused();
    ConnectionLimits limits;
    limits.linger = kRefusedLinger;
    Connection connection(fd, limits);
    if (connection.send(refusal_response({503, "too many connections (api.maxConnections)"}))) connection.finish();
  }

  /// One request and its answer. False: the connection ends.
  bool serve(Connection& connection) {
    auto read = connection.read([this](const RequestHead& head) { return api_.max_body_bytes(request_of(head)); });
    if (const auto* refusal = std::get_if<Refusal>(&read)) {
      counters_.request(Route::Unknown, refusal->status);
      if (connection.send(refusal_response(*refusal))) connection.finish();
      return false;
    }
    auto* const incoming = std::get_if<Connection::Incoming>(&read);
    if (incoming == nullptr) return false;

    const bool last = !incoming->head.keep_alive || incoming->body_left_unread || connections_.closing();
    if (!connection.send(respond(*incoming, last))) return false;
    if (last) connection.finish();
    return !last;
  }

  /// `last`: the response says that the connection ends.
  std::string respond(Connection::Incoming& incoming, bool last) {
    const Counters::Presence in_flight = counters_.in_flight();
    Exchange exchange(incoming.head);
    bool closed = false;
    (void)process_request(exchange, last, closed, [&incoming](httplib::Request& request) {
      request.method = incoming.head.method;  // only now: the library refuses those it does not know
      request.body = std::move(incoming.body);
      if (!incoming.head.authorization.empty()) request.set_header("Authorization", incoming.head.authorization);
      if (incoming.head.has_origin) request.set_header("Origin", "given");
    });
    return std::move(exchange).response();
  }

  void handle(const httplib::Request& request, httplib::Response& response) const {
    const std::string authorization = request.get_header_value("Authorization");
    Answer answer = api_.answer({request.method, request.target, authorization, request.has_header("Origin")},
                                request.params, request.body);
    response.status = answer.status;
    for (const auto& [name, value] : answer.headers) response.set_header(std::string(name), value);
    if (!answer.body.empty()) {
      response.set_header("Content-Type", std::string(answer.content_type));
      response.body = std::move(answer.body);
    }
  }

  const config::ApiConfig& config_;
  const Api& api_;
  Counters& counters_;
  ConnectionLimits limits_;
  OpenConnections connections_;
};

}  // namespace

class ApiServer::Impl {
 public:
  Impl(const config::ApiConfig& config, metrics::Registry& metrics, Readiness readiness, Backends backends)
      : config_(config),
        api_(config, metrics, std::move(readiness), std::move(backends), counters_),
        server_(config, api_, counters_),
        collector_(
            metrics.add([this](metrics::Scrape& scrape) { counters_.collect(scrape, server_.connections().size()); })) {
  }

  void start() {
    port_ = config_.address.port;
    if (!bind()) {
      throw std::runtime_error("listen on " + config_.address.host + ":" + std::to_string(config_.address.port) +
                               " (api.address): the address cannot be bound");
    }
    spdlog::info("api listening address={}:{}", config_.address.host, port_);
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

  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }

 private:
  /// To port_; where that is 0, to one of the system's choice, which port_ then is.
  bool bind() {
    // The library's default is SO_REUSEPORT, by which a second daemon would share the port without an error.
    socket_t listening = -1;
    server_.set_socket_options([&listening](socket_t socket) {
      const int on = 1;
      ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
      listening = socket;
    });
    const int bound = port_ == 0 ? server_.bind_to_any_port(config_.address.host)
                      : server_.bind_to_port(config_.address.host, port_) ? port_
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

  const config::ApiConfig& config_;
  Counters counters_;
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

ApiServer::ApiServer(const config::ApiConfig& config, metrics::Registry& metrics, Readiness readiness,
                     Backends backends)
    : impl_(std::make_unique<Impl>(config, metrics, std::move(readiness), std::move(backends))) {}
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
