#include "open_connections.hpp"

#include <sys/socket.h>

namespace mqttproxy::http {

std::size_t OpenConnections::add(int fd) {
  const std::scoped_lock lock(mutex_);
  fds_.insert(fd);
  if (closing_) (void)::shutdown(fd, SHUT_RD);
  return fds_.size();
}

void OpenConnections::remove(int fd) {
  {
    const std::scoped_lock lock(mutex_);
    fds_.erase(fd);
  }
  removed_.notify_all();
}

std::size_t OpenConnections::size() const {
  const std::scoped_lock lock(mutex_);
  return fds_.size();
}

void OpenConnections::close_all(std::chrono::milliseconds patience) {
  std::unique_lock lock(mutex_);
  closing_ = true;
  for (const int fd : fds_) (void)::shutdown(fd, SHUT_RD);
  if (removed_.wait_for(lock, patience, [this] { return fds_.empty(); })) return;
  for (const int fd : fds_) (void)::shutdown(fd, SHUT_RDWR);
}

}  // namespace mqttproxy::http
