#include "packed.hpp"

#include <cstdint>

namespace mqttproxy::cluster {

namespace {

/// Seven bits a byte, the lowest first; all but the last byte have the eighth.
void write(std::string& packed, std::uint64_t number) {
  for (; number >= 0x80; number >>= 7U) packed += static_cast<char>(number | 0x80U);
  packed += static_cast<char>(number);
}

std::uint64_t read(std::string_view& rest) {
  std::uint64_t number = 0;
  for (unsigned shift = 0;; shift += 7) {
    const auto byte = static_cast<unsigned char>(rest.front());
    rest.remove_prefix(1);
    number |= static_cast<std::uint64_t>(byte & 0x7FU) << shift;
    if (byte < 0x80) return number;
  }
}

/// Small numbers for what is near zero on either side.
std::uint64_t fold(std::int64_t number) {
  return (static_cast<std::uint64_t>(number) << 1U) ^ static_cast<std::uint64_t>(number >> 63U);
}

std::int64_t unfold(std::uint64_t folded) {
  return static_cast<std::int64_t>(folded >> 1U) ^ -static_cast<std::int64_t>(folded & 1U);
}

}  // namespace

/// One byte for the QoS, then the text and a NUL, which no filter contains [MQTT-1.5.3-2].
std::string pack(const std::vector<Filter>& filters) {
  std::string packed;
  for (const Filter& filter : filters) {
    packed += static_cast<char>('0' + static_cast<int>(filter.granted));
    packed.append(filter.text).push_back('\0');
  }
  packed.shrink_to_fit();
  return packed;
}

std::vector<Filter> unpack_filters(std::string_view packed) {
  std::vector<Filter> filters;
  for (std::string_view rest = packed; !rest.empty();) {
    const auto end = rest.find('\0');
    filters.push_back({std::string(rest.substr(1, end - 1)), static_cast<mqtt::Qos>(rest[0] - '0')});
    rest.remove_prefix(end + 1);
  }
  return filters;
}

/// Of each its partition, how far it is from the one before, its packet id.
std::string pack(const std::vector<Reference>& references) {
  std::string packed;
  std::int64_t before = 0;
  for (const Reference& each : references) {
    write(packed, static_cast<std::uint64_t>(each.partition));
    write(packed, fold(each.offset - before));
    write(packed, each.packet_id);
    before = each.offset;
  }
  packed.shrink_to_fit();
  return packed;
}

std::vector<Reference> unpack_references(std::string_view packed) {
  std::vector<Reference> references;
  std::int64_t before = 0;
  while (!packed.empty()) {
    Reference& each = references.emplace_back();
    each.partition = static_cast<std::int32_t>(read(packed));
    each.offset = before + unfold(read(packed));
    each.packet_id = static_cast<mqtt::PacketId>(read(packed));
    before = each.offset;
  }
  return references;
}

}  // namespace mqttproxy::cluster
