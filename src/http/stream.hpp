// The bytes of one HTTP connection, plain or in TLS. What blocks has a deadline.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "mqttproxy/util/tls.hpp"

namespace mqttproxy::http {

enum class Io : std::uint8_t {
  Ok,
  Closed,  // by the peer, or broken
  Late,
};

/// One thread at a time. Does not close the descriptor. Another thread may shut it down to end what blocks.
class Stream {
 public:
  using Clock = std::chrono::steady_clock;

  /// `tls`: nullptr leaves the bytes plain. Throws std::bad_alloc.
  Stream(int fd, ssl_ctx_st* tls);
  /// Ends TLS in order, as far as the socket takes that at once.
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  /// Before anything else. Closed: the peer went away, or there is a `failure()`.
  [[nodiscard]] Io handshake(Clock::time_point until);
  /// Why the handshake failed; "" when the peer just went away.
  [[nodiscard]] const std::string& failure() const noexcept { return failure_; }

  /// At least one byte, at most `size`.
  [[nodiscard]] Io receive(char* to, std::size_t size, Clock::time_point until, std::size_t& received);
  /// At least one of the `size` bytes.
  [[nodiscard]] Io send(const char* from, std::size_t size, Clock::time_point until, std::size_t& sent);
  /// Says to the peer that no more comes, and waits for its end, so that a reset for what it still sends does not
  /// overtake what was sent last. What it still sends is thrown away.
  void finish(Clock::time_point until);

 private:
  enum class Step : std::uint8_t { Done, NeedsInput, NeedsRoom, End };
  /// Tries until it is done, waits for `events` before the first time.
  template <class Try>
  [[nodiscard]] Io repeat(Try attempt, short events, Clock::time_point until);
  [[nodiscard]] Io wait(short events, Clock::time_point until) const;
  [[nodiscard]] Step tls_step(int result);
  [[nodiscard]] std::string reason() const;
  void end_tls();

  const int fd_;
  const util::TlsSession tls_;
  bool usable_ = true;  // TLS has neither failed nor ended
  std::string failure_;
};

}  // namespace mqttproxy::http
