// The head of an HTTP/1 request, read strictly: what two readers could understand differently is refused, because a
// proxy in front of us is the other reader. RFC 9110, RFC 9112. Pure function, fuzzed in its tests.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace mqttproxy::http {

inline constexpr std::size_t kMaxHeadBytes = 16U << 10U;
inline constexpr std::size_t kMaxTargetBytes = 8'000;
inline constexpr std::size_t kMaxHeaders = 100;

/// An answer to what is no request we could work with; the connection ends with it.
struct Refusal {
  int status = 400;
  std::string_view message;  // a literal
};

struct RequestHead {
  std::string method;                 // any token
  std::string target;                 // starts with '/', visible ASCII, not decoded
  std::string host;                   // as it was sent; empty: none
  std::string authorization;          // empty: none
  std::optional<std::string> origin;  // of the web page that made a browser send this
  bool keep_alive = true;             // HTTP/1.1 without "Connection: close"
  bool chunked = false;
  bool expects_continue = false;
  std::uint64_t content_length = 0;  // 0 when chunked

  [[nodiscard]] bool has_body() const noexcept { return chunked || content_length != 0; }
};

/// Length of the head at the front of `bytes`, its empty line included; nullopt when that has not come yet.
[[nodiscard]] std::optional<std::size_t> head_length(std::string_view bytes) noexcept;

/// What to answer when `bytes` are as long as a head may be and hold none.
[[nodiscard]] Refusal head_too_large(std::string_view bytes) noexcept;

/// `head`: of head_length() bytes.
[[nodiscard]] std::variant<RequestHead, Refusal> parse_head(std::string_view head);

}  // namespace mqttproxy::http
