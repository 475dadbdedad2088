// Opening many MQTT connections, some at a time.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "load/histogram.hpp"
#include "load/options.hpp"
#include "load/sockets.hpp"
#include "load/tls.hpp"

namespace mqttproxy::bench {

/// What happens to a connection after its CONNACK.
enum class AfterConnack : std::uint8_t { Keep, Disconnect };

struct Handshakes {
  std::vector<Fd> sockets;         // AfterConnack::Keep: in the order of their numbers
  std::vector<TlsStream> streams;  // theirs, with TLS; in no order. Destroyed first
  std::uint64_t resumed = 0;       // TLS handshakes that were
  Histogram latency;               // from connect() to CONNACK
  Nanoseconds elapsed{0};
};

/// Opens `count` connections as clients PREFIX0 … PREFIX(count - 1), at most `concurrency` handshakes at once. With
/// AfterConnack::Disconnect each one sends DISCONNECT and counts as done when the server has closed it. Throws
/// LoadError: a connection fails or is refused, or nothing happens for options.timeout. `tls`: nullptr for none; it
/// must outlive the result.
[[nodiscard]] Handshakes run_handshakes(const Options& options, std::uint64_t count, std::uint64_t concurrency,
                                        AfterConnack after, TlsClient* tls = nullptr);

/// The text for a CONNACK that isn't 0.
[[nodiscard]] std::string refusal_text(unsigned return_code);

}  // namespace mqttproxy::bench
