#include "proxy_header.hpp"

#include <algorithm>

namespace mqttproxy::net {

namespace {

using std::string_view_literals::operator""sv;
using State = ProxyHeader::State;

constexpr std::string_view kSignature = "\r\n\r\n\0\r\nQUIT\n"sv;
constexpr std::size_t kFixedBytes = 16;  // signature, version and command, family and transport, length

constexpr unsigned kLocal = 0x20;
constexpr unsigned kProxy = 0x21;

// Family and transport.
constexpr unsigned kUnspecified = 0x00;
constexpr unsigned kTcp4 = 0x11;
constexpr unsigned kTcp6 = 0x21;
constexpr unsigned kUnixStream = 0x31;

unsigned byte(std::string_view bytes, std::size_t at) noexcept {
  return static_cast<unsigned char>(bytes[at]);
}

unsigned number(std::string_view bytes, std::size_t at) noexcept {
  return byte(bytes, at) << 8U | byte(bytes, at + 1);
}

ProxyHeader refused(std::string_view problem) noexcept {
  ProxyHeader header;
  header.state = State::Refused;
  header.problem = problem;
  return header;
}

ProxyHeader incomplete(std::size_t wanted) noexcept {
  ProxyHeader header;
  header.bytes = wanted;
  return header;
}

/// Bytes of both addresses and ports; what follows them is TLVs, which nobody here reads. nullopt: not for TCP.
std::optional<std::size_t> address_bytes(unsigned family) noexcept {
  switch (family) {
    case kUnspecified:
      return 0;
    case kTcp4:
      return 12;
    case kTcp6:
      return 36;
    case kUnixStream:
      return 216;
    default:
      return std::nullopt;
  }
}

/// The source's address and port: destination addresses stand between them.
template <class Address>
boost::asio::ip::tcp::endpoint source_of(std::string_view addresses) noexcept {
  typename Address::bytes_type bytes;
  std::copy_n(addresses.begin(), bytes.size(), bytes.begin());
  return {Address(bytes), static_cast<std::uint16_t>(number(addresses, 2 * bytes.size()))};
}

}  // namespace

ProxyHeader parse_proxy_header(std::string_view bytes) noexcept {
  if (bytes.substr(0, kSignature.size()) != kSignature.substr(0, bytes.size())) {
    return refused(bytes.starts_with("PROXY") ? "PROXY protocol version 1" : "no PROXY protocol header");
  }
  if (bytes.size() < kFixedBytes) return incomplete(kFixedBytes);
  const unsigned command = byte(bytes, 12);
  const unsigned family = byte(bytes, 13);
  const std::size_t length = number(bytes, 14);
  if (command != kLocal && command != kProxy) return refused("PROXY header of an unknown version or command");
  if (kFixedBytes + length > kMaxProxyHeaderBytes) return refused("PROXY header too long");
  if (command == kProxy) {
    const auto needed = address_bytes(family);
    if (!needed) return refused("PROXY header for something else than TCP");
    if (length < *needed) return refused("PROXY header too short for its addresses");
  }
  if (bytes.size() < kFixedBytes + length) return incomplete(kFixedBytes + length);
  ProxyHeader header;
  header.state = State::Complete;
  header.bytes = kFixedBytes + length;
  const std::string_view addresses = bytes.substr(kFixedBytes, length);
  if (command == kProxy && family == kTcp4) header.source = source_of<boost::asio::ip::address_v4>(addresses);
  if (command == kProxy && family == kTcp6) header.source = source_of<boost::asio::ip::address_v6>(addresses);
  return header;
}

}  // namespace mqttproxy::net
