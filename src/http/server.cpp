#include "server.hpp"

#include <array>
#include <chrono>
#include <exception>
#include <limits>
#include <utility>
#include <variant>

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "mqttproxy/util/log.hpp"

#include "route.hpp"
#include "task_queue.hpp"

namespace mqttproxy::http {

namespace {

constexpr std::size_t kRefusingThreads = 8;  // beside one per connection, for those beyond the limit
constexpr std::chrono::milliseconds kThreadIdle{10'000};
constexpr std::chrono::milliseconds kRefusedLinger{250};
constexpr std::chrono::seconds kRepeatLog{30};

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
  return {head.method, head.target, head.authorization, head.host, head.origin};
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

std::string peer_of(socket_t fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  std::array<char, INET6_ADDRSTRLEN> host{};
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0 ||
      ::getnameinfo(reinterpret_cast<const sockaddr*>(&address), size, host.data(), host.size(), nullptr, 0,
                    NI_NUMERICHOST) != 0) {
    return "unknown";
  }
  return host.data();
}

std::string what(std::exception_ptr error) {
  try {
    std::rethrow_exception(std::move(error));
  } catch (const std::exception& exception) {
    return exception.what();
  } catch (...) {
    return "unknown";
  }
}

}  // namespace

Server::Server(const CurrentSettings& settings, const Api& api, Counters& counters)
    : settings_(settings), max_connections_(settings.get()->config.max_connections), api_(api), counters_(counters) {
  const auto idle = settings.get()->config.idle_timeout;
  limits_.idle = idle;
  set_keep_alive_timeout(std::chrono::duration_cast<std::chrono::seconds>(idle).count());
  new_task_queue = [this] { return new TaskQueue(max_connections_ + kRefusingThreads, kThreadIdle); };
  set_keep_alive_max_count(std::numeric_limits<int>::max());
  set_tcp_nodelay(true);
  set_pre_routing_handler([this](const httplib::Request& request, httplib::Response& response) {
    handle(request, response);
    return HandlerResponse::Handled;
  });
  set_exception_handler([this](const httplib::Request& request, httplib::Response& response, std::exception_ptr error) {
    fail(request, response, std::move(error));
  });
}

/// One connection, from its beginning to its end, on a thread of the queue.
bool Server::process_and_close_socket(socket_t fd) {
  const auto settings = settings_.get();
  if (connections_.add(fd) > max_connections_) {
    refuse(fd, settings->tls != nullptr);
  } else {
    try {
      Connection connection(fd, limits_, settings->tls.get());
      if (!settings->tls || open(connection, fd)) {
        while (serve(connection)) {
        }
      }
    } catch (const std::exception& error) {  // no memory for a body
      spdlog::error("api connection failed error=\"{}\"", error.what());
    }
  }
  connections_.remove(fd);
  ::close(fd);
  return true;
}

void Server::refuse(socket_t fd, bool tls) {
  counters_.connection_refused();
  if (tls) return;  // a handshake costs more than we have to give, and may take its time
  ConnectionLimits limits;
  limits.linger = kRefusedLinger;
  Connection connection(fd, limits);
  if (connection.send(refusal_response({503, "too many connections (api.maxConnections)"}))) connection.finish();
}

/// The TLS handshake. False: the connection ends.
bool Server::open(Connection& connection, socket_t fd) {
  const std::string peer = peer_of(fd);  // a connection that was reset has none
  const Io io = connection.open();
  const bool failed = io == Io::Closed && !connection.failure().empty();
  counters_.handshake(io == Io::Ok     ? Handshake::Ok
                      : io == Io::Late ? Handshake::Late
                      : failed         ? Handshake::Failed
                                       : Handshake::Closed);
  if (failed) log_failed_handshake(peer, connection.failure());
  return io == Io::Ok;
}

/// Anybody can make these: a line in a while says why, all of them come at level debug.
void Server::log_failed_handshake(const std::string& peer, const std::string& reason) {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  auto next = next_log_.load();
  const auto after = std::chrono::steady_clock::duration(now + kRepeatLog).count();
  const bool due = now.count() >= next && next_log_.compare_exchange_strong(next, after);
  spdlog::log(due ? spdlog::level::warn : spdlog::level::debug, "api tls handshake failed address={} reason=\"{}\"",
              peer, reason);
}

/// One request and its answer. False: the connection ends.
bool Server::serve(Connection& connection) {
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
std::string Server::respond(Connection::Incoming& incoming, bool last) {
  const Counters::Presence in_flight = counters_.in_flight();
  Exchange exchange(incoming.head);
  bool closed = false;
  (void)process_request(exchange, last, closed, [&incoming](httplib::Request& request) {
    request.method = incoming.head.method;  // only now: the library refuses those it does not know
    request.body = std::move(incoming.body);
    if (!incoming.head.authorization.empty()) request.set_header("Authorization", incoming.head.authorization);
    if (!incoming.head.host.empty()) request.set_header("Host", incoming.head.host);
    if (incoming.head.origin) request.set_header("Origin", *incoming.head.origin);
  });
  return std::move(exchange).response();
}

void Server::handle(const httplib::Request& request, httplib::Response& response) const {
  const std::string authorization = request.get_header_value("Authorization");
  const std::string host = request.get_header_value("Host");
  const std::string origin = request.get_header_value("Origin");
  Answer answer = api_.answer({request.method, request.target, authorization, host,
                               request.has_header("Origin") ? std::optional<std::string_view>(origin) : std::nullopt},
                              request.params, request.body);
  response.status = answer.status;
  for (const auto& [name, value] : answer.headers) response.set_header(std::string(name), value);
  if (!answer.body.empty()) {
    response.set_header("Content-Type", std::string(answer.content_type));
    response.body = std::move(answer.body);
  }
}

/// An exception where none is expected: one request pays for it.
void Server::fail(const httplib::Request& request, httplib::Response& response, std::exception_ptr error) {
  const Route route = parse_target(request.target).route;
  spdlog::error("api request failed route={} error=\"{}\"", kRouteNames[static_cast<std::size_t>(route)],
                what(std::move(error)));
  counters_.request(route, 500);
  response.status = 500;
  response.set_content(error_answer(500, "internal error").body, "application/json");
}

}  // namespace mqttproxy::http
