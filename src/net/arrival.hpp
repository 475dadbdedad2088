// A connection before it is one.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "places.hpp"
#include "tls_stream.hpp"

namespace mqttproxy::net {

/// What a worker makes a connection of: just accepted, or on its way home with every byte read so far.
struct Arrival {
  int fd = -1;
  std::size_t proxy = 0;
  std::string address;  // of the peer, "192.0.2.1:50123"
  std::string received;
  std::unique_ptr<TlsStream> tls;  // nullptr: plain
  bool proxy_header = false;       // a PROXY protocol header must come first
  Places::Place place;
};

}  // namespace mqttproxy::net
