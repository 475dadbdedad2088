// The input is the beginning of a connection. However it is cut, the answer is the same; an answer says no less than
// it has to; and nothing behind the header is ever asked for.
#include <cstdint>
#include <string_view>

#include "net/proxy_header.hpp"
#include "require.hpp"

using mqttproxy::fuzz::require;
using mqttproxy::net::kMaxProxyHeaderBytes;
using mqttproxy::net::parse_proxy_header;
using mqttproxy::net::ProxyHeader;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const ProxyHeader whole = parse_proxy_header(bytes);
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    const ProxyHeader part = parse_proxy_header(bytes.substr(0, cut));
    switch (part.state) {
      case ProxyHeader::State::Incomplete:
        require(part.bytes > cut, "it asks for more");
        require(part.bytes <= kMaxProxyHeaderBytes, "but not for ever");
        require(whole.state != ProxyHeader::State::Complete || part.bytes <= whole.bytes, "nor for what is behind it");
        break;
      case ProxyHeader::State::Complete:
        require(whole.state == ProxyHeader::State::Complete, "a header stays one");
        require(part.bytes == whole.bytes && part.bytes <= cut, "of the same size");
        require(part.source == whole.source, "with the same address");
        break;
      case ProxyHeader::State::Refused:
        require(whole.state == ProxyHeader::State::Refused && !part.problem.empty(), "what is refused stays so");
        break;
    }
  }
  return 0;
}
