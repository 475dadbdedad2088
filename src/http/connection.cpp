#include "connection.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <poll.h>
#include <sys/socket.h>

#include "chunked.hpp"

namespace mqttproxy::http {

namespace {

constexpr std::size_t kFirstBodyBytes = 64U << 10U;  // more is allocated as it comes, not as it is announced
constexpr std::size_t kMaxDiscardedBytes = 16U << 20U;
constexpr Refusal kTooSlow{408, "the request did not come in time"};
constexpr Refusal kTooLarge{413, "the body is larger than api.maxBodySize"};

}  // namespace

Connection::Connection(int fd, const ConnectionLimits& limits) : fd_(fd), limits_(limits), buffer_(kMaxHeadBytes) {}

Connection::ReadResult Connection::read(const MaxBody& max_body) {
  if (begin_ == end_ && fill(Clock::now() + limits_.idle) != Io::Ok) return Gone{};
  started_ = Clock::now();
  std::optional<std::size_t> length;
  while (!(length = head_length(buffered()))) {
    if (buffered().size() == buffer_.size()) return head_too_large(buffered());
    const Io io = fill(deadline(0));
    if (io == Io::Closed) return Gone{};
    if (io == Io::Late) return kTooSlow;
  }
  auto parsed = parse_head(buffered().substr(0, *length));
  begin_ += *length;
  if (const auto* refusal = std::get_if<Refusal>(&parsed)) return *refusal;

  Incoming incoming{std::get<RequestHead>(std::move(parsed))};
  const RequestHead& head = incoming.head;
  if (!head.has_body()) return incoming;
  const std::size_t max_bytes = max_body(head);
  if (max_bytes == 0) {
    incoming.body_left_unread = true;
    return incoming;
  }
  if (head.content_length > max_bytes) return kTooLarge;
  if (head.expects_continue && begin_ == end_ && !send("HTTP/1.1 100 Continue\r\n\r\n")) return Gone{};
  auto failure = head.chunked ? read_chunked(incoming.body, max_bytes) : read_sized(incoming.body, head.content_length);
  if (failure) return std::move(*failure);
  return incoming;
}

std::optional<Connection::ReadResult> Connection::read_sized(std::string& body, std::size_t size) {
  std::size_t have = std::min(size, buffered().size());
  body.assign(buffered().substr(0, have));
  begin_ += have;
  while (have < size) {
    if (have == body.size()) body.resize(std::min(size, std::max(2 * have, kFirstBodyBytes)));
    std::size_t received = 0;
    const Io io = receive(body.data() + have, body.size() - have, deadline(have), received);
    if (io == Io::Closed) return Gone{};
    if (io == Io::Late) return kTooSlow;
    have += received;
  }
  return std::nullopt;
}

std::optional<Connection::ReadResult> Connection::read_chunked(std::string& body, std::size_t max_bytes) {
  ChunkedDecoder decoder(max_bytes);
  for (;;) {
    std::string_view bytes = buffered();
    const ChunkedDecoder::State state = decoder.feed(bytes, body);
    begin_ = end_ - bytes.size();
    if (state == ChunkedDecoder::State::Done) return std::nullopt;
    if (state == ChunkedDecoder::State::Malformed) return Refusal{400, "malformed chunked body"};
    if (state == ChunkedDecoder::State::TooLarge) return kTooLarge;
    const Io io = fill(deadline(body.size()));
    if (io == Io::Closed) return Gone{};
    if (io == Io::Late) return kTooSlow;
  }
}

bool Connection::send(std::string_view bytes) {
  started_ = Clock::now();
  std::size_t sent = 0;
  while (sent < bytes.size()) {
    const ssize_t n = ::send(fd_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n >= 0) {
      sent += static_cast<std::size_t>(n);
    } else if (errno == EAGAIN) {
      if (wait(POLLOUT, deadline(sent)) != Io::Ok) return false;
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

void Connection::finish() {
  (void)::shutdown(fd_, SHUT_WR);
  const Clock::time_point until = Clock::now() + limits_.linger;
  std::size_t received = 0;
  for (std::size_t discarded = 0; discarded < kMaxDiscardedBytes; discarded += received) {
    if (receive(buffer_.data(), buffer_.size(), until, received) != Io::Ok) return;
  }
}

Connection::Clock::time_point Connection::deadline(std::size_t bytes) const {
  return started_ + limits_.patience + std::chrono::milliseconds(bytes * 1'000 / limits_.bytes_per_second);
}

Connection::Io Connection::wait(short events, Clock::time_point until) const {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now());
    if (left.count() <= 0) return Io::Late;
    pollfd watched{fd_, events, 0};
    const int ready = ::poll(&watched, 1, static_cast<int>(left.count()));
    if (ready > 0) return Io::Ok;
    if (ready < 0 && errno != EINTR) return Io::Closed;
  }
}

Connection::Io Connection::receive(char* to, std::size_t size, Clock::time_point until, std::size_t& received) const {
  for (;;) {
    if (const Io io = wait(POLLIN, until); io != Io::Ok) return io;
    const ssize_t n = ::recv(fd_, to, size, MSG_DONTWAIT);
    if (n > 0) {
      received = static_cast<std::size_t>(n);
      return Io::Ok;
    }
    if (n == 0 || (errno != EAGAIN && errno != EINTR)) return Io::Closed;
  }
}

/// Adds to what is buffered; there must be room.
Connection::Io Connection::fill(Clock::time_point until) {
  if (begin_ != 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  std::size_t received = 0;
  const Io io = receive(buffer_.data() + end_, buffer_.size() - end_, until, received);
  if (io == Io::Ok) end_ += received;
  return io;
}

}  // namespace mqttproxy::http
