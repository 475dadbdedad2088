#include "support.hpp"

#include <algorithm>
#include <cctype>
#include <chrono>
#include <thread>
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace mqttproxy::http::testing {

namespace {

constexpr std::chrono::seconds kHangGuard{60};

int connect_to(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0) << "port " << port;
  return fd;
}

}  // namespace

RawClient::RawClient(std::uint16_t port) : RawClient(Descriptor{connect_to(port)}) {}

RawClient::RawClient(Descriptor descriptor) : fd_(descriptor.fd) {
  const timeval guard{kHangGuard.count(), 0};
  (void)::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &guard, sizeof guard);
  (void)::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &guard, sizeof guard);
}

RawClient::RawClient(RawClient&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), buffer_(std::move(other.buffer_)) {}

RawClient::~RawClient() {
  if (fd_ >= 0) ::close(fd_);
}

void RawClient::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
}

void RawClient::end_sending() {
  (void)::shutdown(fd_, SHUT_WR);
}

bool RawClient::fill() {
  char bytes[4'096];
  const ssize_t n = ::recv(fd_, bytes, sizeof bytes, 0);
  EXPECT_FALSE(n < 0 && errno == EAGAIN) << "nothing came within a minute";
  if (n <= 0) return false;
  buffer_.append(bytes, static_cast<std::size_t>(n));
  return true;
}

std::optional<Response> RawClient::receive(bool to_head) {
  std::size_t end = 0;
  while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
    if (!fill()) return std::nullopt;
  }
  Response response;
  std::size_t line = buffer_.find("\r\n");
  response.status = std::stoi(buffer_.substr(9, 3));
  while (line != end) {
    const std::size_t start = line + 2;
    line = buffer_.find("\r\n", start);
    const std::size_t colon = buffer_.find(": ", start);
    std::string name = buffer_.substr(start, colon - start);
    std::ranges::transform(name, name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    response.headers[name] = buffer_.substr(colon + 2, line - colon - 2);
  }
  buffer_.erase(0, end + 4);
  const auto length = response.headers.find("content-length");
  const std::size_t size = to_head || length == response.headers.end() ? 0 : std::stoul(length->second);
  while (buffer_.size() < size) {
    if (!fill()) return std::nullopt;
  }
  response.body = buffer_.substr(0, size);
  buffer_.erase(0, size);
  return response;
}

std::string RawClient::rest() {
  while (fill()) {
  }
  return std::exchange(buffer_, {});
}

std::string request(std::string_view method, std::string_view target, std::string_view body, std::string_view headers) {
  std::string text;
  text.append(method).append(" ").append(target).append(" HTTP/1.1\r\nHost: localhost\r\n").append(headers);
  if (!body.empty()) text.append("Content-Length: ").append(std::to_string(body.size())).append("\r\n");
  return text.append("\r\n").append(body);
}

std::string publish(std::string_view payload, std::string_view headers) {
  return request("POST", kPublish, R"({"topic":"t","payload":")" + std::string(payload) + R"("})", headers);
}

bool eventually(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + kHangGuard;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

void ApiServerTest::start() {
  server_ = std::make_unique<ApiServer>(
      config_, config::LimitsConfig(), registry_, [] { return std::vector<std::string>(); },
      Backends{bus_, sessions_, {"mqttproxy", "other"}, {}});
  server_->start();
}

std::string ApiServerTest::metric(std::string_view name) const {
  const std::string text = registry_.serialize();
  const std::string line = "\n" + std::string(name) + " ";
  const std::size_t at = text.find(line);
  if (at == std::string::npos) return {};
  const std::size_t start = at + line.size();
  return text.substr(start, text.find('\n', start) - start);
}

}  // namespace mqttproxy::http::testing
