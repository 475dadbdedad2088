#include "request_head.hpp"

#include <algorithm>
#include <charconv>

#include "letters.hpp"

namespace mqttproxy::http {

namespace {

constexpr std::string_view kLineEnd = "\r\n";
constexpr std::size_t kMaxLengthDigits = 18;  // fits 64 bits; every limit is far below

bool is_token(std::string_view text) noexcept {
  static constexpr std::string_view kSymbols = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           kSymbols.find(c) != std::string_view::npos;
  });
}

std::string_view trimmed(std::string_view text) noexcept {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

/// Whether the comma separated list holds `wanted`.
bool lists(std::string_view list, std::string_view wanted) noexcept {
  while (!list.empty()) {
    const std::size_t end = std::min(list.find(','), list.size());
    if (same_letters(trimmed(list.substr(0, end)), wanted)) return true;
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return false;
}

std::optional<Refusal> refuse(int status, std::string_view message) noexcept {
  return Refusal{status, message};
}

/// Reads one head. Every step says what is wrong, or nothing.
class HeadReader {
 public:
  std::variant<RequestHead, Refusal> read(std::string_view text) {
    std::size_t end = text.find(kLineEnd);
    if (auto wrong = request_line(text.substr(0, end))) return *wrong;
    for (std::size_t headers = 0;; ++headers) {
      text.remove_prefix(end + kLineEnd.size());
      end = text.find(kLineEnd);
      if (end == 0) break;
      if (headers == kMaxHeaders) return Refusal{431, "too many header fields"};
      if (auto wrong = header(text.substr(0, end))) return *wrong;
    }
    if (auto wrong = framing()) return *wrong;
    return std::move(head_);
  }

 private:
  std::optional<Refusal> request_line(std::string_view line) {
    const std::size_t method_end = line.find(' ');
    const std::size_t target_end = line.rfind(' ');
    if (method_end == std::string_view::npos || target_end == method_end) {
      return refuse(400, "the request line must be: method, target, HTTP version");
    }
    const std::string_view method = line.substr(0, method_end);
    const std::string_view target = line.substr(method_end + 1, target_end - method_end - 1);
    const std::string_view version = line.substr(target_end + 1);
    if (!is_token(method)) return refuse(400, "the method is no token");
    if (version != "HTTP/1.1" && version != "HTTP/1.0") return refuse(505, "the version must be HTTP/1.1 or HTTP/1.0");
    if (target.size() > kMaxTargetBytes) return refuse(414, "the target is too long");
    const bool visible = std::ranges::all_of(target, [](char c) { return c > ' ' && c <= '~' && c != '#'; });
    if (!target.starts_with('/') || !visible) return refuse(400, "the target must be a path in visible ASCII");
    // The library takes no second one, even where a query may hold it.
    if (std::ranges::count(target, '?') > 1) return refuse(400, "a second ? in the target must be written %3F");
    head_.method = method;
    head_.target = target;
    is_1_0_ = version == "HTTP/1.0";
    return std::nullopt;
  }

  std::optional<Refusal> header(std::string_view line) {
    const std::size_t colon = line.find(':');
    // is_token also refuses folded lines and blanks before the colon.
    if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) {
      return refuse(400, "a header field must be: name, colon, value");
    }
    const std::string_view name = line.substr(0, colon);
    const std::string_view value = trimmed(line.substr(colon + 1));
    const auto control = [](char c) { return (static_cast<unsigned char>(c) < ' ' && c != '\t') || c == '\x7F'; };
    if (std::ranges::any_of(value, control)) return refuse(400, "a header field holds a control character");
    return field(name, value);
  }

  std::optional<Refusal> field(std::string_view name, std::string_view value) {
    if (same_letters(name, "content-length")) return content_length(value);
    if (same_letters(name, "transfer-encoding")) return transfer_encoding(value);
    if (same_letters(name, "host")) {
      if (has_host_) return refuse(400, "more than one Host");
      has_host_ = true;
      head_.host = value;
    } else if (same_letters(name, "authorization")) {
      if (!head_.authorization.empty()) return refuse(400, "more than one Authorization");
      head_.authorization = value;
    } else if (same_letters(name, "connection")) {
      if (lists(value, "close")) head_.keep_alive = false;
    } else if (same_letters(name, "expect")) {
      if (!same_letters(value, "100-continue")) return refuse(417, "Expect may only be 100-continue");
      head_.expects_continue = true;
    } else if (same_letters(name, "content-encoding")) {
      if (!same_letters(value, "identity")) return refuse(415, "encoded bodies are not taken");
    } else if (same_letters(name, "origin")) {
      if (head_.origin) return refuse(400, "more than one Origin");
      head_.origin = value;
    }
    return std::nullopt;
  }

  std::optional<Refusal> content_length(std::string_view value) {
    if (has_length_) return refuse(400, "more than one Content-Length");
    has_length_ = true;
    if (value.empty() || value.find_first_not_of("0123456789") != std::string_view::npos) {
      return refuse(400, "Content-Length must be decimal digits");
    }
    if (value.size() > kMaxLengthDigits) return refuse(413, "the body is too large");
    std::from_chars(value.data(), value.data() + value.size(), head_.content_length);
    return std::nullopt;
  }

  std::optional<Refusal> transfer_encoding(std::string_view value) {
    if (head_.chunked) return refuse(400, "more than one Transfer-Encoding");
    if (!same_letters(value, "chunked")) return refuse(501, "Transfer-Encoding may only be chunked");
    head_.chunked = true;
    return std::nullopt;
  }

  std::optional<Refusal> framing() {
    if (head_.chunked && has_length_) return refuse(400, "Content-Length together with Transfer-Encoding");
    if (head_.chunked && is_1_0_) return refuse(400, "Transfer-Encoding in HTTP/1.0");
    if (!has_host_ && !is_1_0_) return refuse(400, "Host is missing");
    if (is_1_0_) head_.keep_alive = head_.expects_continue = false;
    return std::nullopt;
  }

  RequestHead head_;
  bool is_1_0_ = false;
  bool has_host_ = false;
  bool has_length_ = false;
};

}  // namespace

std::optional<std::size_t> head_length(std::string_view bytes) noexcept {
  static constexpr std::string_view kEnd = "\r\n\r\n";
  const std::size_t at = bytes.find(kEnd);
  if (at == std::string_view::npos) return std::nullopt;
  return at + kEnd.size();
}

Refusal head_too_large(std::string_view bytes) noexcept {
  if (bytes.find(kLineEnd) == std::string_view::npos) return {414, "the target is too long"};
  return {431, "the header fields are too large"};
}

std::variant<RequestHead, Refusal> parse_head(std::string_view head) {
  return HeadReader().read(head);
}

}  // namespace mqttproxy::http
