// An API server on a port of the system's choice, and clients that send bytes as they are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "mqttproxy/http/api_server.hpp"

#include "../../unit/http/fakes.hpp"

namespace mqttproxy::http::testing {

struct Response {
  int status = 0;
  std::map<std::string, std::string> headers{};  // names in lower case
  std::string body{};
};

/// A raw TCP client. Everything that blocks ends after a minute, as a failure.
class RawClient {
 public:
  explicit RawClient(std::uint16_t port);
  /// Takes over a connected descriptor.
  static RawClient from(int fd) { return RawClient(Descriptor{fd}); }
  ~RawClient();
  RawClient(RawClient&& other) noexcept;
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  /// Sends all of it, or as much as the peer takes before it ends the connection.
  void send(std::string_view bytes);
  void end_sending();
  /// The next response; `to_head`: it has no body, whatever it says. nullopt when the connection ends first.
  std::optional<Response> receive(bool to_head = false);
  /// Status of the next response, 0 when the connection ends first.
  int status() {
    const auto response = receive();
    return response ? response->status : 0;
  }
  /// Waits for the end of the connection; what came before it.
  std::string rest();

 private:
  struct Descriptor {
    int fd;
  };
  explicit RawClient(Descriptor descriptor);
  bool fill();

  int fd_;
  std::string buffer_;
};

/// A whole request with Host and, where there is a body, Content-Length. `headers`: lines that end in CRLF.
std::string request(std::string_view method, std::string_view target, std::string_view body = {},
                    std::string_view headers = {});
/// A request that publishes `payload`.
std::string publish(std::string_view payload, std::string_view headers = {});

inline constexpr std::string_view kPublish = "/apis/v1/mqttproxy/mqttproxy/topics/publish";

/// Asks until it is so; false after a minute.
bool eventually(const std::function<bool()>& condition);

class ApiServerTest : public ::testing::Test {
 protected:
  ApiServerTest() { config_.address = {"127.0.0.1", 0}; }

  /// Starts server_ with config_.
  void start();
  [[nodiscard]] RawClient client() const { return RawClient(server_->port()); }
  /// The value of a sample line, as /metrics has it; "" when it is not there.
  [[nodiscard]] std::string metric(std::string_view name) const;

  config::ApiConfig config_;
  metrics::Registry registry_;
  FakeBus bus_;
  FakeSessions sessions_;
  std::unique_ptr<ApiServer> server_;
};

}  // namespace mqttproxy::http::testing
