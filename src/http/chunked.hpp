// The chunked transfer coding (RFC 9112, section 7.1), taken apart piece by piece as it comes. No I/O.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace mqttproxy::http {

class ChunkedDecoder {
 public:
  enum class State : std::uint8_t { More, Done, Malformed, TooLarge };

  explicit ChunkedDecoder(std::size_t max_body_bytes) noexcept : max_body_bytes_(max_body_bytes) {}

  /// Takes from the front of `bytes`, removing what it took, and appends the body's bytes to `body`. After Done the
  /// rest of `bytes` is the next request. Extensions and trailers are skipped, within a bound.
  State feed(std::string_view& bytes, std::string& body);

 private:
  enum class Part : std::uint8_t { Size, Data, DataEnd, Trailer };

  State line_complete();
  State read_size();

  const std::size_t max_body_bytes_;
  Part part_ = Part::Size;
  std::string line_;            // of Size, DataEnd and Trailer, so far
  std::size_t left_ = 0;        // bytes of the chunk that are still to come
  std::size_t body_bytes_ = 0;  // announced so far
  std::size_t trailer_bytes_ = 0;
};

}  // namespace mqttproxy::http
