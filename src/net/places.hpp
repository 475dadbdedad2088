// How many connections there may be, on this node and from one address.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>

#include <boost/asio/ip/address.hpp>

namespace mqttproxy::net {

/// Any thread; must outlive every Door.
class Places {
 public:
  class Door;

  /// One connection's; gives back what it has when it ends.
  class Place {
   public:
    Place() = default;
    Place(Place&& other) noexcept
        : door_(std::exchange(other.door_, nullptr)), network_(std::exchange(other.network_, 0)) {}
    Place& operator=(Place&& other) noexcept {
      std::swap(door_, other.door_);
      std::swap(network_, other.network_);
      return *this;
    }
    ~Place();

   private:
    friend Places;
    friend Door;
    explicit Place(Door& door) : door_(&door) {}
    Door* door_ = nullptr;
    std::uint64_t network_ = 0;  // it counts for; 0: for none
  };

  /// Where connections come in: counts those that are open. Must outlive every Place of its own.
  class Door {
   public:
    explicit Door(Places& places) : places_(places) {}
    /// nullopt: there is none on this node.
    [[nodiscard]] std::optional<Place> take();
    [[nodiscard]] std::uint32_t open() const noexcept { return open_.load(std::memory_order_relaxed); }

   private:
    friend Place;
    void give_back(std::uint64_t network) noexcept;
    Places& places_;
    std::atomic<std::uint32_t> open_{0};
  };

  /// `per_address` 0: any number.
  Places(std::uint32_t max_connections, std::uint32_t per_address)
      : max_connections_(max_connections), per_address_(per_address) {}

  /// Others from now on; who has a place keeps it. What was taken while any number was allowed is not counted for its
  /// address.
  void set_limits(std::uint32_t max_connections, std::uint32_t per_address) noexcept {
    max_connections_.store(max_connections, std::memory_order_relaxed);
    per_address_.store(per_address, std::memory_order_relaxed);
  }

  /// Counts `place` for an IPv4 address, or the /64 network of an IPv6 address: that is what one subscriber gets. Once
  /// for each place. False: there are as many already.
  [[nodiscard]] bool count(Place& place, const boost::asio::ip::address& address);

  [[nodiscard]] std::uint32_t max_connections() const noexcept {
    return max_connections_.load(std::memory_order_relaxed);
  }

 private:
  std::atomic<std::uint32_t> max_connections_;
  std::atomic<std::uint32_t> per_address_;
  std::atomic<std::uint32_t> taken_{0};
  std::mutex mutex_;
  std::unordered_map<std::uint64_t, std::uint32_t> networks_;  // connections of each that has some
};

}  // namespace mqttproxy::net
