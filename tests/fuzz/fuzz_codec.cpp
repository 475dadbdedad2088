// The input is what a peer sent: a fixed header and what follows. Besides memory errors this finds headers whose
// outcome depends on how the bytes arrive, and packets that do not survive encoding and decoding.
#include <algorithm>
#include <cstdint>
#include <vector>

#include "any_packet.hpp"
#include "require.hpp"

namespace {

using namespace mqttproxy::mqtt;
using mqttproxy::fuzz::require;

constexpr DecodeLimits kTight{.max_packet_bytes = 200,
                              .max_client_id_bytes = 4,
                              .max_topic_bytes = 8,
                              .max_topic_levels = 3,
                              .max_filters_per_packet = 2};

void check_body(PacketType type, std::uint8_t flags, std::string_view body, const DecodeLimits& limits) {
  const std::vector<char> exact(body.begin(), body.end());  // the sanitizer sees a read beyond its end
  const Result<test::AnyPacket> packet = test::decode_any(type, flags, {exact.data(), exact.size()}, limits);
  if (!packet) return;

  const std::string encoded = test::encode_any(*packet);
  const auto header = decode_fixed_header(encoded, DecodeLimits{.max_packet_bytes = 0xFFFF'FFFF});
  require(header && *header, "what was encoded has a fixed header");
  require((*header)->packet_bytes() == encoded.size(), "remaining length is the length of the body");
  const std::string_view again = std::string_view(encoded).substr((*header)->header_bytes);
  const Result<test::AnyPacket> decoded = test::decode_any((*header)->type, (*header)->flags, again, limits);
  require(decoded && *decoded == *packet, "decode, encode, decode gives the same packet");
}

void check_packet(std::string_view bytes, const DecodeLimits& limits, ProtocolLevel level) {
  const auto header = decode_fixed_header(bytes, limits, level);
  // TCP may deliver any prefix first: it gives the same answer, or asks for more, and never another error.
  for (std::size_t size = 0; size < std::min<std::size_t>(bytes.size(), 6); ++size) {
    const auto early = decode_fixed_header(bytes.substr(0, size), limits, level);
    require(early == header || (early && !*early), "a prefix decides as the whole does, or not yet");
  }
  if (!header || !*header) return;
  require((*header)->packet_bytes() <= limits.max_packet_bytes, "the limit holds");
  if ((*header)->packet_bytes() > bytes.size()) return;
  check_body((*header)->type, (*header)->flags, bytes.substr((*header)->header_bytes, (*header)->remaining_length),
             limits);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto type = static_cast<PacketType>(data[0] >> 4U);
  const auto flags = static_cast<std::uint8_t>(data[0] & 0x0FU);
  for (const DecodeLimits& limits : {DecodeLimits{}, kTight}) {
    check_packet(bytes, limits, ProtocolLevel::V311);
    check_packet(bytes, limits, ProtocolLevel::V31);
    // Without a remaining length, so that mutations reach the bodies more easily.
    check_body(type, flags, bytes.substr(1), limits);
  }
  return 0;
}
