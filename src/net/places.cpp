#include "places.hpp"

#include <algorithm>

namespace mqttproxy::net {

namespace {

/// Never 0, and never the same for an IPv4 address and an IPv6 network: 0:1::/32 is nobody's.
std::uint64_t network_of(const boost::asio::ip::address& address) noexcept {
  if (address.is_v4()) return std::uint64_t{1} << 32U | address.to_v4().to_uint();
  const auto bytes = address.to_v6().to_bytes();
  const auto v6 = address.to_v6();
  if (v6.is_v4_mapped()) return network_of(boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, v6));
  std::uint64_t network = 0;
  for (std::size_t i = 0; i < 8; ++i) network = network << 8U | bytes[i];
  return std::max<std::uint64_t>(network, 1);  // ::1 is in network 0
}

}  // namespace

Places::Place::~Place() {
  if (door_ != nullptr) door_->give_back(network_);
}

std::optional<Places::Place> Places::Door::take() {
  if (places_.taken_.fetch_add(1, std::memory_order_relaxed) >= places_.max_connections()) {
    places_.taken_.fetch_sub(1, std::memory_order_relaxed);
    return std::nullopt;
  }
  open_.fetch_add(1, std::memory_order_relaxed);
  return Place(*this);
}

bool Places::count(Place& place, const boost::asio::ip::address& address) {
  const std::uint32_t limit = per_address_.load(std::memory_order_relaxed);
  if (limit == 0) return true;
  const std::uint64_t network = network_of(address);
  const std::scoped_lock lock(mutex_);
  std::uint32_t& connections = networks_[network];
  if (connections >= limit) return false;
  ++connections;
  place.network_ = network;
  return true;
}

void Places::Door::give_back(std::uint64_t network) noexcept {
  open_.fetch_sub(1, std::memory_order_relaxed);
  places_.taken_.fetch_sub(1, std::memory_order_relaxed);
  if (network == 0) return;
  const std::scoped_lock lock(places_.mutex_);
  const auto it = places_.networks_.find(network);
  if (--it->second == 0) places_.networks_.erase(it);
}

}  // namespace mqttproxy::net
