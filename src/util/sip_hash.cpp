#include "mqttproxy/util/sip_hash.hpp"

#include <random>

namespace mqttproxy::util {

namespace {

std::uint64_t random_word() {
  std::random_device source;
  return std::uint64_t{source()} << 32U | source();
}

}  // namespace

SipHash::SipHash() : SipHash(random_word(), random_word()) {}

}  // namespace mqttproxy::util
