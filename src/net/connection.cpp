// Bytes in and out of a connection, and its end. The socket is in connection_stream.cpp; what the protocol
// asks of its surroundings is in connection_host.cpp.
#include "connection.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include <sys/socket.h>

#include "mqttproxy/util/log.hpp"
#include "mqttproxy/util/recent_log.hpp"
#include "mqttproxy/util/text.hpp"

#include "seated.hpp"
#include "worker.hpp"

namespace mqttproxy::net {

using session::CloseCause;

namespace {

/// Unsent bytes beyond which a connection that keeps asking is not read on: its acknowledgements and ping responses
/// pile up because it does not read them.
constexpr std::size_t kMaxUnsentReplies = 64 * 1024;
/// Messages are gathered into one write of about this size …
constexpr std::size_t kBatchBytes = 64 * 1024;
/// … into which payloads up to this are copied; larger ones are sent from where they are.
constexpr std::size_t kCopiedPayload = 4 * 1024;

constexpr std::uint8_t bit(Park why) noexcept {
  return static_cast<std::uint8_t>(why);
}

/// Whether somebody who looks for what is wrong wants to know: not for what devices do every day.
constexpr bool is_worth_a_look(CloseCause cause) noexcept {
  switch (cause) {
    case CloseCause::ClientDisconnect:
    case CloseCause::ConnectionLost:
    case CloseCause::Takeover:
    case CloseCause::Shutdown:
    case CloseCause::SessionDeleted:
      return false;
    default:
      return true;
  }
}

}  // namespace

Connection::Connection(Worker& worker, ProxyRuntime& proxy, Arrival& arrival)
    : worker_(worker),
      proxy_(proxy),
      descriptor_(arrival.fd),
      tls_(std::move(arrival.tls)),
      place_(std::move(arrival.place)),
      core_(*this, proxy.settings, worker.counters().packets),
      address_(std::move(arrival.address)),
      awaits_proxy_header_(arrival.proxy_header) {
  worker_.counters().events[Event::Connections].add();
}

Connection::~Connection() {
  worker_.counters().events[Event::Connections].sub();
  worker_.counters().events[Event::Unacked].sub(core_.unacked());
  if (parked_ != 0) worker_.counters().events[Event::Parked].sub();
}

void Connection::start(session::Handle self, std::string_view received) {
  self_ = self;
  const auto now = Worker::Clock::now();
  read_at_ = session::stamp(now);
  bytes_in_ = received.size();
  worker_.set_deadline(self_, now + worker_.limits().connect_timeout);
  // Just accepted, its first packet has often come already; then a connection that moves home was never registered
  // here.
  received.empty() ? on_readable() : consume(received);
}

void Connection::on_readable() {
  if (worker_.reading_stopped() || parked_ != 0) return go_on();
  if (awaits_proxy_header_) return read_proxy_header();
  const bool large = stash_.size() > Worker::kMergeBytes;  // then one incomplete packet of known size
  const std::size_t room =
      large ? std::min(core_.wanted_bytes() - stash_.size(), Worker::kReadBytes) : Worker::kReadBytes;
  // A small partial packet is put in front of the new bytes, so that packets are parsed in place in one buffer.
  const std::size_t offset = large ? 0 : stash_.size();
  char* buffer = worker_.read_buffer();
  if (offset != 0) std::memcpy(buffer, stash_.data(), offset);
  const Io received = read(buffer + offset, room);
  if (received.bytes == 0) return on_no_bytes(received.status);
  worker_.counters().events[Event::BytesIn].add(received.bytes);
  bytes_in_ += received.bytes;
  read_at_ = session::stamp(Worker::Clock::now());
  const std::size_t bytes = offset + received.bytes;
  if (!large) return consume({buffer, bytes});
  stash_.append(buffer, bytes);
  stash_.size() < core_.wanted_bytes() ? go_on() : consume_stash();
}

void Connection::consume_stash() {
  if (stash_.empty()) return go_on();
  const std::string bytes = std::exchange(stash_, {});
  partial_ = true;
  consume(bytes);
}

void Connection::consume(std::string_view bytes) {
  std::string& replies = worker_.reply_buffer();
  replies.clear();
  const std::size_t used = feed(bytes, replies);
  const std::string_view rest = bytes.substr(used);
  // A packet counts as activity when it begins and when it is complete: dripped byte by byte it cannot keep a
  // connection alive for longer than one keep-alive period. [MQTT-3.1.2-24]
  if (used != 0 || (!partial_ && !rest.empty())) touch();
  partial_ = !rest.empty();
  if (rest.empty()) {
    std::string().swap(stash_);
  } else {
    stash_.assign(rest);
  }
  if (core_.waiting() && core_.window_full()) park(Park::Window);
  if (core_.wanted_bytes() > Worker::kReadBytes && worker_.shared().memory.full()) {
    core_.close(CloseCause::MemoryLimit, "no memory for a large packet");
  }
  flush(replies);
  go_on();
}

std::size_t Connection::feed(std::string_view bytes, std::string& replies) {
  std::size_t used = 0;
  std::uint32_t published = 0;
  do {
    const std::uint32_t unacked = core_.unacked();
    used += core_.feed(bytes.substr(used), replies, read_at_);
    published += core_.unacked() - unacked;
    worker_.counters().events[Event::Unacked].add(core_.unacked() - unacked);
    release_into(replies, read_at_);
    // A full window of messages that need no report has emptied at once: no event would bring the rest back.
  } while (core_.waiting() && !core_.window_full() && parked_ == 0 && !move_to_);
  if (published != 0) {
    // One look at the clock for all of them.
    const session::Stamp now = session::stamp(Worker::Clock::now());
    worker_.counters().enqueued_us.add(session::elapsed_us(read_at_, now), published);
  }
  return used;
}

void Connection::release_into(std::string& replies, session::Stamp now) {
  const std::uint32_t unacked = core_.unacked();
  core_.release(replies, now);
  worker_.counters().events[Event::Unacked].sub(unacked - core_.unacked());
}

void Connection::on_settled(session::Stamp now) {
  settled_ = false;
  std::string& replies = worker_.reply_buffer();
  replies.clear();
  release_into(replies, now);
  flush(replies);
  if ((parked_ & bit(Park::Window)) != 0 && core_.window_has_room()) return unpark(Park::Window);
  go_on();
}

void Connection::on_room() {
  if ((parked_ & bit(Park::Producer)) != 0) unpark(Park::Producer);
}

void Connection::on_time() {
  if ((parked_ & bit(Park::Rate)) != 0) unpark(Park::Rate);
}

void Connection::on_downlink() {
  std::string& replies = worker_.reply_buffer();
  replies.clear();
  flush(replies);
  go_on();
}

void Connection::flush(std::string& replies) {
  if (session::Session* session = core_.session()) {
    session->flush_due = false;
    if (session->outbox) append_messages(*session->outbox, replies);
  }
  send(replies);
}

void Connection::append_messages(session::Outbox& outbox, std::string& bytes) {
  while (output_.empty() && !peer_gone_) {
    const auto next = outbox.take();
    if (!next) return;
    const std::size_t before = bytes.size();
    next->delivery->encode_head(bytes, next->qos, next->packet_id, next->dup);
    const std::string_view payload = next->delivery->payload();
    core_.count_out(mqtt::PacketType::Publish, bytes.size() - before + payload.size());
    if (payload.size() > kCopiedPayload) {
      send(bytes, next->delivery);
    } else {
      bytes += payload;
      if (bytes.size() < kBatchBytes) continue;
      send(bytes);
    }
    bytes.clear();
  }
}

void Connection::send(std::string_view bytes, const session::DeliveryPtr& large) {
  if ((bytes.empty() && !large) || peer_gone_) return;
  if (output_.empty()) {
    const std::string_view payload = large ? large->payload() : std::string_view();
    std::array<iovec, 2> parts = {part(bytes), part(payload)};
    const std::size_t taken = write(parts);
    const std::size_t of_bytes = std::min(taken, bytes.size());
    output_.append(bytes.substr(of_bytes));
    if (taken - of_bytes < payload.size()) output_.append(large, taken - of_bytes);
    if (output_.empty()) return;
  } else {
    unsent_replies_ += static_cast<std::uint32_t>(bytes.size());
    output_.append(bytes);
  }
  if (unsent_replies_ > kMaxUnsentReplies) park(Park::Output);
}

void Connection::on_writable() {
  if (output_.empty()) return on_readable();  // of TLS, or the peer is gone
  std::array<iovec, 3> parts = output_.parts();
  output_.consume(write(parts));
  unsent_replies_ = std::min(unsent_replies_, static_cast<std::uint32_t>(output_.copied_bytes()));
  if (output_.empty()) {
    std::string& buffer = worker_.reply_buffer();
    buffer.clear();
    flush(buffer);
  }
  if ((parked_ & bit(Park::Output)) != 0 && unsent_replies_ <= kMaxUnsentReplies / 2) return unpark(Park::Output);
  go_on();
}

void Connection::park(Park why) {
  if ((parked_ & bit(why)) != 0) return;
  auto& events = worker_.counters().events;
  if (parked_ == 0) events[Event::Parked].add();
  parked_ |= bit(why);
  if (why == Park::Producer) events[Event::ParkedProducer].add();
  if (why == Park::Window) events[Event::ParkedWindow].add();
  if (why == Park::Output) events[Event::ParkedOutput].add();
  if (why == Park::Session) events[Event::ParkedSession].add();
  if (why == Park::Rate) events[Event::ParkedRate].add();
  touch();
}

void Connection::unpark(Park why) {
  parked_ = static_cast<std::uint8_t>(parked_ & ~bit(why));
  touch();
  if (parked_ != 0) return go_on();
  worker_.counters().events[Event::Parked].sub();
  worker_.reading_stopped() ? go_on() : consume_stash();
}

void Connection::touch() {
  if (core_.state() != session::Core::State::Connected) return;  // before CONNECT its own deadline runs on
  // What we do not read we cannot blame on the client. Not for Output: that is its own doing.
  constexpr unsigned kOurs = bit(Park::Producer) | bit(Park::Window) | bit(Park::Session) | bit(Park::Rate);
  const bool ours = (parked_ & kOurs) != 0;
  const auto deadline = ours || core_.keep_alive() == 0
                            ? Worker::Clock::time_point::max()
                            : Worker::Clock::now() + std::chrono::milliseconds(1'500) * core_.keep_alive();
  worker_.set_deadline(self_, deadline);
}

void Connection::go_on() {
  if (core_.state() == session::Core::State::Closed) return end(core_.close_cause(), core_.close_detail());
  if (peer_gone_) return end(CloseCause::ConnectionLost, "connection lost while sending");
  move_to_ ? move_home(*move_to_) : await_socket();
}

void Connection::end(CloseCause cause, std::string_view detail) {
  core_.close(cause, detail);
  WorkerCounters& counters = worker_.counters();
  counters.closes[static_cast<std::size_t>(core_.close_cause())].add();
  counters.protocol_errors[static_cast<std::size_t>(core_.close_errc())].add();
  log_end();
  worker_.abandon(publication_);
  release_seat();
  if (core_.was_connected()) {
    worker_.shared().connected[proxy_.index].fetch_sub(1, std::memory_order_relaxed);
    if (session::Session* session = proxy_.registry.find(session_)) {
      session->revision = worker_.revision() - (settle_first_ ? 1 : 0);
    }
    proxy_.registry.detach(session_, self_, Worker::Clock::now() + worker_.limits().session_expiry);
    publish_will();
    run_disconnect_pipeline();
  }
  if (tls_ && !peer_gone_ && output_.empty()) tls_->close();
  if (core_.close_cause() == CloseCause::ConnectRefused) {
    // Bytes left unread would turn close() into a reset that can overtake the CONNACK.
    ::shutdown(descriptor_.get(), SHUT_WR);
    (void)::recv(descriptor_.get(), worker_.read_buffer(), Worker::kReadBytes, MSG_DONTWAIT);
  }
  worker_.erase(self_);
}

void Connection::end_displaced() {
  worker_.counters().events[Event::Takeovers].add();
  end(CloseCause::Takeover, "taken over by a new connection");
}

void Connection::log_end() const {
  const bool is_kept = is_worth_a_look(core_.close_cause());
  if (!is_kept && !spdlog::should_log(spdlog::level::info)) return;
  std::string codes;
  if (core_.close_errc() != mqtt::Errc::Ok) codes.append(" kind=").append(mqtt::kind(core_.close_errc()));
  if (kafka_error_ != 0) codes.append(" kafka_error=").append(kafka::error_name(kafka_error_));
  const std::string text = fmt::format("{} client_id=\"{}\" address={} proxy={} reason={} detail=\"{}\"{}",
                                       core_.was_connected() ? "client disconnected" : "connection closed",
                                       util::printable(core_.client_id()), address_, proxy_.config->name,
                                       session::to_string(core_.close_cause()), core_.close_detail(), codes);
  spdlog::info(text);
  if (is_kept) util::recent_log().note(session::to_string(core_.close_cause()), spdlog::level::info, text);
}

}  // namespace mqttproxy::net
