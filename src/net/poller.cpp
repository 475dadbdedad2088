#include "poller.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <span>
#include <system_error>
#include <utility>

namespace mqttproxy::net {

namespace {

/// So many, then what was posted has its turn.
constexpr int kEventsPerTurn = 128;

int make_epoll() {
  const int fd = ::epoll_create1(EPOLL_CLOEXEC);
  if (fd < 0) throw std::system_error(errno, std::generic_category(), "epoll_create1");
  return fd;
}

int operation(std::uint32_t before, std::uint32_t wanted) noexcept {
  if (wanted == 0) return EPOLL_CTL_DEL;
  return before == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
}

}  // namespace

Poller::Poller(boost::asio::io_context& io, Handler handler) : epoll_(io, make_epoll()), handler_(std::move(handler)) {}

bool Poller::watch(int fd, std::uint64_t id, std::uint32_t before, std::uint32_t wanted) noexcept {
  if (before == wanted) return true;
  epoll_event event{};
  event.events = wanted;
  event.data.u64 = id;
  return ::epoll_ctl(epoll_.native_handle(), operation(before, wanted), fd, &event) == 0;
}

void Poller::await() {
  epoll_.async_wait(boost::asio::posix::descriptor_base::wait_read, [this](const boost::system::error_code& error) {
    if (error) return;
    dispatch();
    await();
  });
}

void Poller::dispatch() {
  std::array<epoll_event, kEventsPerTurn> events;  // NOLINT(cppcoreguidelines-pro-type-member-init): the kernel's
  const int count = ::epoll_wait(epoll_.native_handle(), events.data(), kEventsPerTurn, 0);
  for (const epoll_event& event : std::span(events).first(static_cast<std::size_t>(std::max(count, 0)))) {
    handler_(event.data.u64, event.events);
  }
}

}  // namespace mqttproxy::net
