// The command line of mqttload, typed and checked.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>

#include <sys/types.h>

#include "load/sockets.hpp"
#include "load/tls.hpp"

namespace mqttproxy::bench {

enum class Mode : std::uint8_t { Uplink, Idle, Connect, First, Fanout };

using Seconds = std::chrono::duration<double>;

struct Options {
  Mode mode = Mode::Uplink;
  Target target;
  std::string client_prefix = "bench-";  // the connection's number follows
  std::string username;                  // empty: none
  std::string password;
  std::optional<pid_t> pid;  // the server's process: its CPU time and memory are reported
  bool json = false;
  Seconds timeout{30};  // without any progress

  std::uint64_t connections = 50;  // fanout: subscribers
  unsigned qos = 1;
  std::uint32_t window = 32;  // unacknowledged per connection; at QoS 0 messages per write
  std::size_t payload_bytes = 256;
  std::string topic = "bench/%c";  // %c: the connection's number
  std::uint64_t messages = 0;      // 0: until `duration` has passed
  Seconds duration{5};
  Seconds warmup{1};
  double rate = 0;  // messages per second over all connections; 0: as fast as acknowledgements come

  std::optional<TlsMode> tls;      // idle, connect; not set: plain TCP
  std::uint64_t count = 10'000;    // connect: connections in all
  std::uint64_t concurrency = 50;  // fanout: publishers, each with one message under way
  Seconds hold{2};                 // idle: how long the CPU time of doing nothing is watched

  std::uint16_t http_port = 0;  // fanout: publish by HTTP to this port; 0: by MQTT
  std::string proxy = "bench";  // whose clients the HTTP publish is for
};

/// The smallest payload of fanout: a message's own number is in it.
inline constexpr std::size_t kFewestFanoutBytes = 20;

/// How long to wait for events at a time, so that a stall is noticed soon after `timeout`.
[[nodiscard]] std::chrono::milliseconds wait_step(Seconds timeout);

/// A command line that can't be run; the message is for the terminal.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// `arguments` without the program's name: MODE --option value … Throws UsageError.
[[nodiscard]] Options parse_options(std::span<const char* const> arguments);

[[nodiscard]] const char* usage();

}  // namespace mqttproxy::bench
