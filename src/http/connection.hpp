// One HTTP connection: reads whole requests and writes answers, everything with a bound in bytes and in time. Nothing
// that a client sent reaches the HTTP library before it has been read and checked here.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "request_head.hpp"
#include "stream.hpp"

namespace mqttproxy::http {

struct ConnectionLimits {
  std::chrono::milliseconds idle{60'000};  // for the first byte of a request
  std::chrono::milliseconds patience{
      10'000};  // for a TLS handshake, a head; for a body, and an answer, beside what bytes_per_second gives
  std::size_t bytes_per_second = 64U << 10U;  // the least, on average
  std::chrono::milliseconds linger{1'000};    // for the peer to end the connection after the last answer
};

/// Blocking; one thread at a time. Does not close the descriptor. Another thread may shut it down to end what blocks.
class Connection {
 public:
  struct Incoming {
    RequestHead head;
    std::string body{};
    bool body_left_unread = false;  // the connection must end with the answer
  };
  /// The peer ended the connection, or was idle for too long: nobody waits for an answer.
  struct Gone {};
  using ReadResult = std::variant<Incoming, Refusal, Gone>;
  /// How many bytes of a body to read: 0 leaves it unread, more than that many is a Refusal (413).
  using MaxBody = std::function<std::size_t(const RequestHead&)>;

  /// `tls`: nullptr leaves the bytes plain. Throws std::bad_alloc.
  Connection(int fd, const ConnectionLimits& limits, ssl_ctx_st* tls = nullptr);

  /// The TLS handshake, where there is TLS; before the first request. Anything but Ok: the connection is of no more
  /// use.
  [[nodiscard]] Io open();
  /// Why open() found the connection Closed; "" when the peer just went away.
  [[nodiscard]] const std::string& failure() const noexcept { return stream_.failure(); }
  /// The next request. What came behind it stays for the next call. After a Refusal the connection is of no more use
  /// but to send the answer.
  [[nodiscard]] ReadResult read(const MaxBody& max_body);
  /// False: the peer is gone, or too slow.
  [[nodiscard]] bool send(std::string_view bytes);
  /// No more answers: says so to the peer and waits for its end, so that a reset for what it still sends does not
  /// overtake the answer.
  void finish();

 private:
  using Clock = Stream::Clock;

  [[nodiscard]] std::string_view buffered() const noexcept { return {buffer_.data() + begin_, end_ - begin_}; }
  [[nodiscard]] Clock::time_point deadline(std::size_t bytes) const;
  [[nodiscard]] Io fill(Clock::time_point until);
  [[nodiscard]] std::optional<ReadResult> read_sized(std::string& body, std::size_t size);
  [[nodiscard]] std::optional<ReadResult> read_chunked(std::string& body, std::size_t max_bytes);

  Stream stream_;
  const ConnectionLimits limits_;
  std::vector<char> buffer_;  // as long as a head may be
  std::size_t begin_ = 0;     // what is read and not taken yet: [begin_, end_)
  std::size_t end_ = 0;
  Clock::time_point started_;  // the request, or the answer
};

}  // namespace mqttproxy::http
