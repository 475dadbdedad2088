#include "stream.hpp"

#include <array>
#include <cerrno>

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <poll.h>
#include <sys/socket.h>

namespace mqttproxy::http {

namespace {

constexpr std::size_t kMaxDiscardedBytes = 16U << 20U;

/// OpenSSL reads and writes the socket without flags of its own.
int non_blocking(int fd) {
  (void)::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
  return fd;
}

}  // namespace

Stream::Stream(int fd, ssl_ctx_st* tls)
    : fd_(fd), tls_(tls == nullptr ? nullptr : util::make_tls_session(*tls, non_blocking(fd))) {}

Stream::~Stream() {
  end_tls();
}

Io Stream::handshake(Clock::time_point until) {
  if (!tls_) return Io::Ok;
  return repeat([this] { return tls_step(SSL_accept(tls_.get())); }, POLLIN, until);
}

Io Stream::receive(char* to, std::size_t size, Clock::time_point until, std::size_t& received) {
  if (tls_) {
    // What is decrypted already makes no socket readable.
    const short events = SSL_pending(tls_.get()) == 0 ? POLLIN : 0;
    return repeat([&] { return tls_step(SSL_read_ex(tls_.get(), to, size, &received)); }, events, until);
  }
  const auto attempt = [&] {
    const ssize_t n = ::recv(fd_, to, size, MSG_DONTWAIT);
    if (n > 0) {
      received = static_cast<std::size_t>(n);
      return Step::Done;
    }
    return n < 0 && (errno == EAGAIN || errno == EINTR) ? Step::NeedsInput : Step::End;
  };
  return repeat(attempt, POLLIN, until);
}

Io Stream::send(const char* from, std::size_t size, Clock::time_point until, std::size_t& sent) {
  if (tls_) {
    return repeat([&] { return tls_step(SSL_write_ex(tls_.get(), from, size, &sent)); }, 0, until);
  }
  const auto attempt = [&] {
    const ssize_t n = ::send(fd_, from, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n >= 0) {
      sent = static_cast<std::size_t>(n);
      return Step::Done;
    }
    return errno == EAGAIN || errno == EINTR ? Step::NeedsRoom : Step::End;
  };
  return repeat(attempt, 0, until);
}

void Stream::finish(Clock::time_point until) {
  end_tls();
  (void)::shutdown(fd_, SHUT_WR);
  std::array<char, 4'096> unread;
  for (std::size_t discarded = 0; discarded < kMaxDiscardedBytes;) {
    if (wait(POLLIN, until) != Io::Ok) return;
    const ssize_t n = ::recv(fd_, unread.data(), unread.size(), MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) return;
    if (n > 0) discarded += static_cast<std::size_t>(n);
  }
}

template <class Try>
Io Stream::repeat(Try attempt, short events, Clock::time_point until) {
  if (!usable_) return Io::Closed;
  for (;;) {
    if (const Io io = wait(events, until); io != Io::Ok) return io;
    ERR_clear_error();
    switch (attempt()) {
      case Step::Done:
        return Io::Ok;
      case Step::NeedsInput:
        events = POLLIN;
        break;
      case Step::NeedsRoom:
        events = POLLOUT;
        break;
      case Step::End:
        return Io::Closed;
    }
  }
}

/// No `events`: only looks at the time.
Io Stream::wait(short events, Clock::time_point until) const {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now());
    if (left.count() <= 0) return Io::Late;
    if (events == 0) return Io::Ok;
    pollfd watched{fd_, events, 0};
    const int ready = ::poll(&watched, 1, static_cast<int>(left.count()));
    if (ready > 0) return Io::Ok;
    if (ready < 0 && errno != EINTR) return Io::Closed;
  }
}

/// What a call of OpenSSL that returned `result` wants next.
Stream::Step Stream::tls_step(int result) {
  if (result > 0) return Step::Done;
  switch (SSL_get_error(tls_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return Step::NeedsInput;
    case SSL_ERROR_WANT_WRITE:
      return Step::NeedsRoom;
    case SSL_ERROR_ZERO_RETURN:  // the peer has ended in order, and so shall we
      return Step::End;
    default:
      usable_ = false;
      failure_ = reason();
      return Step::End;
  }
}

std::string Stream::reason() const {
  const long verified = SSL_get_verify_result(tls_.get());
  if (verified != X509_V_OK) {
    ERR_clear_error();
    return std::string("client certificate: ") + X509_verify_cert_error_string(verified);
  }
  const bool by_tls = ERR_GET_LIB(ERR_peek_error()) == ERR_LIB_SSL;
  std::string text = util::take_tls_error();
  return by_tls ? text : "";  // else the connection broke
}

void Stream::end_tls() {
  if (!tls_ || !usable_ || SSL_is_init_finished(tls_.get()) != 1) return;
  usable_ = false;
  ERR_clear_error();
  (void)SSL_shutdown(tls_.get());
  ERR_clear_error();
}

}  // namespace mqttproxy::http
