#include "load/modes.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <thread>

#include <sys/socket.h>

#include "load/error.hpp"
#include "load/handshakes.hpp"
#include "load/packets.hpp"
#include "load/sockets.hpp"

namespace mqttproxy::bench {
namespace {

/// Nothing may happen on any connection for `duration`.
void watch_silence(const std::vector<Fd>& sockets, Nanoseconds duration) {
  Epoll epoll;
  for (std::size_t i = 0; i < sockets.size(); ++i) epoll.add(sockets[i].get(), EPOLLIN | EPOLLRDHUP, i);
  const Nanoseconds end = monotonic_now() + duration;
  for (Nanoseconds now = monotonic_now(); now < end; now = monotonic_now()) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - now);
    const auto events = epoll.wait(left);
    if (!events.empty()) {
      throw LoadError("connection " + std::to_string(events[0].data.u64) +
                      " is not left in peace: closed or written to");
    }
  }
}

void send_all(const Fd& socket, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0) throw LoadError(system_error_text("write", errno));
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

/// Blocks for the next answer, at most until `deadline`.
Answer read_answer(const Fd& socket, Nanoseconds deadline) {
  AnswerStream stream;
  std::optional<Answer> result;
  Epoll epoll;
  epoll.add(socket.get(), EPOLLIN, 0);
  while (!result) {
    const Nanoseconds left = deadline - monotonic_now();
    if (left <= Nanoseconds{0} || epoll.wait(std::chrono::ceil<std::chrono::milliseconds>(left)).empty()) {
      throw LoadError("no answer in time");
    }
    std::array<std::uint8_t, 4> buffer{};
    const ssize_t got = ::recv(socket.get(), buffer.data(), buffer.size(), 0);
    if (got <= 0) throw LoadError("the server closed the connection");
    if (!stream.feed(std::span(buffer).first(static_cast<std::size_t>(got)), [&](Answer a) { result = a; })) {
      throw LoadError("the server sent something that is no acknowledgement");
    }
  }
  return *result;
}

}  // namespace

IdleResult run_idle(const Options& options) {
  const ServerProbe server(options.pid);
  IdleResult result;
  result.connections = options.connections;
  result.resident_before = server.resident_bytes();
  std::optional<TlsClient> tls;
  if (options.tls) tls.emplace(*options.tls);
  const auto handshakes =
      run_handshakes(options, options.connections, options.concurrency, AfterConnack::Keep, tls ? &*tls : nullptr);
  result.connect_elapsed = handshakes.elapsed;
  result.resident_after = server.resident_bytes();
  const auto cpu_before = server.cpu();
  watch_silence(handshakes.sockets, std::chrono::duration_cast<Nanoseconds>(options.hold));
  if (cpu_before) result.hold_cpu = *server.cpu() - *cpu_before;
  return result;
}

ConnectResult run_connect(const Options& options) {
  constexpr std::uint64_t kMostWarmup = 500;
  const ServerProbe server(options.pid);
  std::optional<TlsClient> tls;
  if (options.tls) tls.emplace(*options.tls);
  const auto run = [&](std::uint64_t count) {
    return run_handshakes(options, count, options.concurrency, AfterConnack::Disconnect, tls ? &*tls : nullptr);
  };
  (void)run(std::min(options.count, kMostWarmup));
  const auto server_before = server.cpu();
  const CpuTime own_before = own_cpu_time();
  const auto handshakes = run(options.count);
  ConnectResult result;
  result.own_cpu = own_cpu_time() - own_before;
  if (server_before) result.server_cpu = *server.cpu() - *server_before;
  result.count = options.count;
  result.resumed = handshakes.resumed;
  result.elapsed = handshakes.elapsed;
  result.latency = handshakes.latency;
  return result;
}

FirstResult run_first(const Options& options) {
  const Nanoseconds deadline = monotonic_now() + std::chrono::duration_cast<Nanoseconds>(options.timeout);
  Fd socket = connect_blocking(options.target);
  while (!socket.is_open()) {
    if (monotonic_now() > deadline) throw LoadError("nobody listens on port " + std::to_string(options.target.port));
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
    socket = connect_blocking(options.target);
  }
  FirstResult result;
  result.connected_at = monotonic_now();
  const std::string client_id = options.client_prefix + "0";
  send_all(socket, encode_connect({client_id, options.username, options.password}));
  const Answer connack = read_answer(socket, deadline);
  if (connack.type != AnswerType::Connack) throw LoadError("the answer is no CONNACK");
  if (connack.value != 0) throw LoadError(refusal_text(connack.value));

  const PacketRing ring = PacketRing::publish(options.topic, options.payload_bytes, 1, 1);
  std::array<iovec, 2> packet{};
  ring.gather(0, 1, packet);
  send_all(socket, {static_cast<const char*>(packet[0].iov_base), packet[0].iov_len});
  const Answer puback = read_answer(socket, deadline);
  if (puback.type != AnswerType::Puback || puback.value != 1) throw LoadError("the answer is no PUBACK for id 1");
  result.acknowledged_at = monotonic_now();
  send_all(socket, kDisconnect);
  return result;
}

}  // namespace mqttproxy::bench
