// SipHash-1-3 (Aumasson and Bernstein, "SipHash: a fast short-input PRF"): the hash of tables whose keys come from the
// network. Without the key nobody can choose keys that collide, so nobody can make such a table slow on purpose.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace mqttproxy::util {

class SipHash {
 public:
  /// With a key from the system's random numbers. Throws std::exception when there are none.
  SipHash();
  SipHash(std::uint64_t key0, std::uint64_t key1) noexcept : key0_(key0), key1_(key1) {}

  [[nodiscard]] std::uint64_t operator()(std::string_view bytes) const noexcept {
    State state(key0_, key1_);
    const std::uint64_t length = bytes.size();
    for (; bytes.size() >= sizeof(std::uint64_t); bytes.remove_prefix(sizeof(std::uint64_t))) {
      state.take(load(bytes.data(), sizeof(std::uint64_t)));
    }
    return state.finish(load(bytes.data(), bytes.size()) | length << 56U);
  }

  /// The same as for the eight bytes of `word`, lowest first.
  [[nodiscard]] std::uint64_t operator()(std::uint64_t word) const noexcept {
    State state(key0_, key1_);
    state.take(word);
    return state.finish(std::uint64_t{sizeof word} << 56U);
  }

 private:
  static_assert(std::endian::native == std::endian::little);

  static std::uint64_t load(const char* bytes, std::size_t count) noexcept {
    std::uint64_t word = 0;
    if (count > 0) std::memcpy(&word, bytes, count);
    return word;
  }

  struct State {
    State(std::uint64_t key0, std::uint64_t key1) noexcept
        : v0(key0 ^ 0x736f6d6570736575U),
          v1(key1 ^ 0x646f72616e646f6dU),
          v2(key0 ^ 0x6c7967656e657261U),
          v3(key1 ^ 0x7465646279746573U) {}

    void take(std::uint64_t word) noexcept {
      v3 ^= word;
      round();
      v0 ^= word;
    }

    std::uint64_t finish(std::uint64_t last) noexcept {
      take(last);
      v2 ^= 0xFFU;
      round();
      round();
      round();
      return v0 ^ v1 ^ v2 ^ v3;
    }

    void round() noexcept {
      v0 += v1;
      v2 += v3;
      v1 = std::rotl(v1, 13) ^ v0;
      v3 = std::rotl(v3, 16) ^ v2;
      v0 = std::rotl(v0, 32);
      v2 += v1;
      v0 += v3;
      v1 = std::rotl(v1, 17) ^ v2;
      v3 = std::rotl(v3, 21) ^ v0;
      v2 = std::rotl(v2, 32);
    }

    std::uint64_t v0;
    std::uint64_t v1;
    std::uint64_t v2;
    std::uint64_t v3;
  };

  std::uint64_t key0_;
  std::uint64_t key1_;
};

}  // namespace mqttproxy::util
