#include "load/connection.hpp"

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

#include <sys/socket.h>

#include "load/error.hpp"

namespace mqttproxy::bench {
namespace {

std::string type_name(AnswerType type) {
  switch (type) {
    case AnswerType::Connack:
      return "CONNACK";
    case AnswerType::Puback:
      return "PUBACK";
    case AnswerType::Pubrec:
      return "PUBREC";
    case AnswerType::Pubcomp:
      return "PUBCOMP";
    case AnswerType::Pingresp:
      return "PINGRESP";
  }
  return "packet";
}

}  // namespace

std::uint32_t ring_slots(std::uint32_t window) {
  constexpr std::uint32_t kFewest = 64;
  return std::max(kFewest, 2 * window);
}

Flight::Flight(unsigned qos, std::uint32_t window, std::uint32_t slots)
    : qos_(qos), window_(window), slots_(slots), started_(slots) {}

void Flight::on_sent(Nanoseconds started) {
  started_[sent_ % slots_] = started;
  ++sent_;
  if (qos_ == 0) completed_ = sent_;
}

std::optional<Nanoseconds> Flight::on_answer(Answer answer) {
  if (qos_ == 1 && answer.type == AnswerType::Puback) {
    require("PUBACK", completed_, sent_, answer.value);
    return started_[completed_++ % slots_];
  }
  if (qos_ == 2 && answer.type == AnswerType::Pubrec) {
    require("PUBREC", received_, sent_, answer.value);
    ++received_;
    return std::nullopt;
  }
  if (qos_ == 2 && answer.type == AnswerType::Pubcomp) {
    require("PUBCOMP", completed_, released_, answer.value);
    return started_[completed_++ % slots_];
  }
  throw LoadError(type_name(answer.type) + " at QoS " + std::to_string(qos_));
}

/// The packet id must be that of sequence number `expected`, the oldest of [expected, end).
void Flight::require(const char* type, std::uint64_t expected, std::uint64_t end, std::uint16_t packet_id) const {
  const std::uint64_t expected_id = expected % slots_ + 1;
  if (expected < end && packet_id == expected_id) return;
  const std::string came = std::string(type) + " for packet id " + std::to_string(packet_id);
  const std::uint64_t distance = (packet_id + slots_ - expected_id) % slots_;
  if (packet_id == 0 || packet_id > slots_ || distance >= end - expected) {
    throw LoadError(came + ", which is not under way");
  }
  throw LoadError(came + " is out of order: " + std::to_string(expected_id) + " comes first");
}

Publisher::Publisher(Fd socket, unsigned qos, std::uint32_t window, const PacketRing& publishes,
                     const PacketRing& pubrels)
    : socket_(std::move(socket)),
      publishes_(&publishes),
      pubrels_(&pubrels),
      flight_(qos, window, publishes.slots()),
      qos_(qos) {}

void Publisher::stage_publish(Nanoseconds started) {
  flight_.on_sent(started);
  if (qos_ == 0) ++staged_qos0_;
}

void Publisher::gather_staged() {
  const auto append = [this](const PacketRing& ring, std::uint64_t first, std::uint32_t count) {
    if (count == 0) return;
    pending_count_ += ring.gather(first, count, std::span(pending_).subspan(pending_count_).first<2>());
  };
  append(*pubrels_, flight_.first_pubrel_due(), flight_.pubrels_due());
  flight_.on_pubrels_sent();
  append(*publishes_, first_staged_, static_cast<std::uint32_t>(flight_.sent() - first_staged_));
  first_staged_ = flight_.sent();
  staged_qos0_ = 0;
  if (std::exchange(ping_due_, false)) {
    pending_[pending_count_++] = {const_cast<char*>(kPingreq.data()), kPingreq.size()};
  }
}

void Publisher::write() {
  // A packet that was cut by a full socket buffer must be finished before anything else may follow.
  if (blocked()) send_pending();
  if (blocked()) return;
  gather_staged();
  if (blocked()) send_pending();
}

void Publisher::send_pending() {
  msghdr message{};
  message.msg_iov = pending_.data();
  message.msg_iovlen = pending_count_;
  const ssize_t wrote = ::sendmsg(socket_.get(), &message, MSG_NOSIGNAL);
  if (wrote < 0) {
    if (errno == EAGAIN || errno == EINTR) return;
    throw LoadError(system_error_text("write", errno));
  }
  auto left = static_cast<std::size_t>(wrote);
  std::size_t done = 0;
  while (done < pending_count_ && left >= pending_[done].iov_len) left -= pending_[done++].iov_len;
  if (done < pending_count_) {
    pending_[done].iov_base = static_cast<char*>(pending_[done].iov_base) + left;
    pending_[done].iov_len -= left;
  }
  std::copy(pending_.begin() + static_cast<std::ptrdiff_t>(done),
            pending_.begin() + static_cast<std::ptrdiff_t>(pending_count_), pending_.begin());
  pending_count_ -= done;
}

Publisher::Progress Publisher::read(std::span<std::uint8_t> buffer, Nanoseconds now, Histogram& latency) {
  Progress progress;
  const bool valid = answers_.feed(buffer.first(receive(socket_, buffer)), [&](Answer answer) {
    if (answer.type == AnswerType::Pingresp) {
      ++progress.pings;
    } else if (const auto started = flight_.on_answer(answer)) {
      latency.record(now - *started);
      ++progress.completed;
    }
  });
  if (!valid) throw LoadError("the server sent something that is no acknowledgement");
  return progress;
}

}  // namespace mqttproxy::bench
