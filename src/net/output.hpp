// What a connection's socket has not taken yet.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include <sys/uio.h>

#include "mqttproxy/session/delivery.hpp"

namespace mqttproxy::net {

[[nodiscard]] inline iovec part(std::string_view bytes) noexcept {
  return {const_cast<char*>(bytes.data()), bytes.size()};
}

/// Bytes, and among them at most one large payload. That stays where it is: a thousand slow readers of it hold a
/// thousand references and one payload.
class Output {
 public:
  [[nodiscard]] bool empty() const noexcept { return bytes_.empty() && !large_; }
  /// Without the large payload.
  [[nodiscard]] std::size_t copied_bytes() const noexcept { return bytes_.size(); }

  void append(std::string_view bytes) { bytes_.append(bytes); }
  /// The message's payload without its first `sent` bytes. Precondition: there is none.
  void append(session::DeliveryPtr large, std::size_t sent) noexcept {
    large_ = std::move(large);
    large_at_ = bytes_.size();
    large_sent_ = sent;
  }

  /// All of it, in order.
  [[nodiscard]] std::array<iovec, 3> parts() const noexcept {
    const std::string_view bytes = bytes_;
    if (!large_) return {part(bytes), {}, {}};
    return {part(bytes.substr(0, large_at_)), part(large_->payload().substr(large_sent_)),
            part(bytes.substr(large_at_))};
  }

  /// The socket has taken the first `count` bytes.
  void consume(std::size_t count) noexcept {
    if (large_) {
      const std::size_t before = std::min(count, large_at_);
      const std::size_t within = std::min(count - before, large_->payload().size() - large_sent_);
      bytes_.erase(0, before);
      large_at_ -= before;
      large_sent_ += within;
      count -= before + within;
      if (large_sent_ < large_->payload().size()) return;
      large_.reset();
    }
    bytes_.erase(0, count);
    if (bytes_.empty()) std::string().swap(bytes_);
  }

 private:
  std::string bytes_;
  session::DeliveryPtr large_;
  std::size_t large_at_ = 0;  // the payload stands in front of this byte
  std::size_t large_sent_ = 0;
};

}  // namespace mqttproxy::net
