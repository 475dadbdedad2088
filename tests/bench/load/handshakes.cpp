#include "load/handshakes.hpp"

#include <array>
#include <cerrno>
#include <optional>
#include <string>
#include <utility>

#include <sys/socket.h>

#include "load/error.hpp"
#include "load/packets.hpp"

namespace mqttproxy::bench {
namespace {

enum class Stage : std::uint8_t { Connecting, TlsHandshake, WaitsForConnack, WaitsForClose };

/// A connection that is being opened; it lives in one of `concurrency` slots.
struct Attempt {
  Fd socket;
  std::optional<TlsStream> tls;
  std::uint64_t number = 0;
  Stage stage = Stage::Connecting;
  AnswerStream answers;
  Nanoseconds started{0};
};

class HandshakeRun {
 public:
  HandshakeRun(const Options& options, std::uint64_t count, std::uint64_t concurrency, AfterConnack after,
               TlsClient* tls)
      : options_(options), count_(count), after_(after), tls_(tls), slots_(std::min(count, concurrency)) {
    if (after_ == AfterConnack::Keep) result_.sockets.resize(count);
  }

  Handshakes run() {
    const Nanoseconds begin = monotonic_now();
    for (std::size_t slot = 0; slot < slots_.size(); ++slot) start_next(slot);
    Nanoseconds last_progress = begin;
    while (done_ < count_) {
      const auto events = epoll_.wait(wait_step(options_.timeout));
      now_ = monotonic_now();
      for (const epoll_event& event : events) serve(event.data.u64);
      if (!events.empty()) {
        last_progress = now_;
      } else if (now_ - last_progress > options_.timeout) {
        throw LoadError("no progress while connecting: " + std::to_string(done_) + " of " + std::to_string(count_));
      }
    }
    result_.elapsed = monotonic_now() - begin;
    return std::move(result_);
  }

 private:
  void start_next(std::size_t slot) {
    if (next_ == count_) return;
    Attempt& attempt = slots_[slot];
    attempt = Attempt{};
    attempt.number = next_++;
    attempt.started = monotonic_now();
    attempt.socket = start_connect(options_.target, attempt.number);
    epoll_.add(attempt.socket.get(), EPOLLOUT, slot);
  }

  void serve(std::size_t slot) {
    switch (slots_[slot].stage) {
      case Stage::Connecting:
        begin(slot);
        break;
      case Stage::TlsHandshake:
        shake_hands(slot);
        break;
      case Stage::WaitsForConnack:
        read_connack(slot);
        break;
      case Stage::WaitsForClose:
        read_close(slot);
        break;
    }
  }

  void begin(std::size_t slot) {
    Attempt& attempt = slots_[slot];
    if (const int error = connect_error(attempt.socket)) {
      throw LoadError(system_error_text("connect (connection " + std::to_string(attempt.number) + ")", error));
    }
    if (tls_ == nullptr) {
      send_connect(slot);
    } else {
      attempt.tls.emplace(*tls_, attempt.socket.get());
      attempt.stage = Stage::TlsHandshake;
      shake_hands(slot);
    }
  }

  void shake_hands(std::size_t slot) {
    Attempt& attempt = slots_[slot];
    const TlsStream::Step step = attempt.tls->handshake();
    if (step == TlsStream::Step::Done) {
      result_.resumed += attempt.tls->resumed() ? 1 : 0;
      send_connect(slot);
    } else {
      epoll_.modify(attempt.socket.get(), step == TlsStream::Step::Reads ? EPOLLIN : EPOLLOUT, slot);
    }
  }

  void send_connect(std::size_t slot) {
    Attempt& attempt = slots_[slot];
    const std::string client_id = options_.client_prefix + std::to_string(attempt.number);
    send(attempt, encode_connect({client_id, options_.username, options_.password}));
    attempt.stage = Stage::WaitsForConnack;
    epoll_.modify(attempt.socket.get(), EPOLLIN, slot);
  }

  void read_connack(std::size_t slot) {
    Attempt& attempt = slots_[slot];
    const std::optional<std::size_t> some = read(attempt);
    if (!some) return;
    const std::size_t got = *some;
    if (got == 0) throw LoadError("closed before CONNACK (connection " + std::to_string(attempt.number) + ")");
    std::optional<Answer> connack;
    const bool valid = attempt.answers.feed(std::span(buffer_).first(got), [&](Answer answer) { connack = answer; });
    if (!valid || (connack && connack->type != AnswerType::Connack)) throw LoadError("the answer is no CONNACK");
    if (!connack) return;
    if (connack->value != 0) throw LoadError(refusal_text(connack->value));
    result_.latency.record(now_ - attempt.started);
    if (after_ == AfterConnack::Keep) {
      epoll_.remove(attempt.socket.get());
      result_.sockets[attempt.number] = std::move(attempt.socket);
      if (attempt.tls) result_.streams.push_back(std::move(*attempt.tls));
      finish(slot);
      return;
    }
    send(attempt, kDisconnect);
    attempt.stage = Stage::WaitsForClose;
  }

  void read_close(std::size_t slot) {
    const std::optional<std::size_t> got = read(slots_[slot]);
    if (!got) return;
    if (*got > 0) throw LoadError("the server sends after DISCONNECT");
    finish(slot);
  }

  void finish(std::size_t slot) {
    ++done_;
    slots_[slot].tls.reset();
    slots_[slot].socket.close();  // also when no other follows in this slot: its end of stream must not come again
    start_next(slot);
  }

  static void send(Attempt& attempt, std::string_view bytes) {
    if (attempt.tls) {
      attempt.tls->send_whole(bytes);
    } else {
      send_whole(attempt.socket, bytes);
    }
  }

  /// 0: the server has closed; nullopt: what came was not for us.
  std::optional<std::size_t> read(Attempt& attempt) {
    if (attempt.tls) return attempt.tls->read(buffer_);
    const ssize_t got = ::recv(attempt.socket.get(), buffer_.data(), buffer_.size(), 0);
    if (got < 0 && attempt.stage == Stage::WaitsForClose && errno == ECONNRESET) return 0;
    if (got < 0) throw LoadError(system_error_text("read (connection " + std::to_string(attempt.number) + ")", errno));
    return static_cast<std::size_t>(got);
  }

  const Options& options_;
  std::uint64_t count_;
  AfterConnack after_;
  TlsClient* tls_;
  std::vector<Attempt> slots_;
  Epoll epoll_;
  std::array<std::uint8_t, 256> buffer_{};
  std::uint64_t next_ = 0;
  std::uint64_t done_ = 0;
  Nanoseconds now_{0};
  Handshakes result_;
};

}  // namespace

Handshakes run_handshakes(const Options& options, std::uint64_t count, std::uint64_t concurrency, AfterConnack after,
                          TlsClient* tls) {
  require_descriptors(after == AfterConnack::Keep ? count : std::min(count, concurrency));
  return HandshakeRun(options, count, concurrency, after, tls).run();
}

std::string refusal_text(unsigned return_code) {
  static constexpr std::array<const char*, 6> kReasons = {
      "accepted",           "unacceptable protocol version", "identifier rejected",
      "server unavailable", "bad user name or password",     "not authorised"};
  const std::string text = "refused with CONNACK return code " + std::to_string(return_code);
  return return_code < kReasons.size() ? text + " (" + kReasons[return_code] + ")" : text;
}

}  // namespace mqttproxy::bench
