#include "connection.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "chunked.hpp"

namespace mqttproxy::http {

namespace {

constexpr std::size_t kFirstBodyBytes = 64U << 10U;  // more is allocated as it comes, not as it is announced
constexpr Refusal kTooSlow{408, "the request did not come in time"};
constexpr Refusal kTooLarge{413, "the body is larger than api.maxBodySize"};

}  // namespace

Connection::Connection(int fd, const ConnectionLimits& limits, ssl_ctx_st* tls)
    : stream_(fd, tls), limits_(limits), buffer_(kMaxHeadBytes) {}

Io Connection::open() {
  started_ = Clock::now();
  const Io io = stream_.handshake(deadline(0));
  if (io == Io::Closed && !stream_.failure().empty()) finish();  // the peer should see the alert
  return io;
}

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
    const Io io = stream_.receive(body.data() + have, body.size() - have, deadline(have), received);
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
  std::size_t total = 0;
  while (total < bytes.size()) {
    std::size_t sent = 0;
    if (stream_.send(bytes.data() + total, bytes.size() - total, deadline(total), sent) != Io::Ok) return false;
    total += sent;
  }
  return true;
}

void Connection::finish() {
  stream_.finish(Clock::now() + limits_.linger);
}

Connection::Clock::time_point Connection::deadline(std::size_t bytes) const {
  return started_ + limits_.patience + std::chrono::milliseconds(bytes * 1'000 / limits_.bytes_per_second);
}

/// Adds to what is buffered; there must be room.
Io Connection::fill(Clock::time_point until) {
  if (begin_ != 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  std::size_t received = 0;
  const Io io = stream_.receive(buffer_.data() + end_, buffer_.size() - end_, until, received);
  if (io == Io::Ok) end_ += received;
  return io;
}

}  // namespace mqttproxy::http
