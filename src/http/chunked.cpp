#include "chunked.hpp"

#include <algorithm>
#include <charconv>

namespace mqttproxy::http {

namespace {

constexpr std::size_t kMaxLineBytes = 256;  // a chunk's size with its extension, or a trailer field
constexpr std::size_t kMaxTrailerBytes = 4'096;
constexpr std::size_t kMaxSizeDigits = 15;

}  // namespace

ChunkedDecoder::State ChunkedDecoder::feed(std::string_view& bytes, std::string& body) {
  while (!bytes.empty()) {
    if (part_ == Part::Data) {
      const std::size_t n = std::min(left_, bytes.size());
      body.append(bytes, 0, n);
      bytes.remove_prefix(n);
      left_ -= n;
      if (left_ == 0) part_ = Part::DataEnd;
      continue;
    }
    const std::size_t end = bytes.find('\n');
    const std::size_t n = end == std::string_view::npos ? bytes.size() : end + 1;
    if (line_.size() + n > kMaxLineBytes) return State::Malformed;
    line_.append(bytes, 0, n);
    bytes.remove_prefix(n);
    if (end == std::string_view::npos) break;
    if (!line_.ends_with("\r\n")) return State::Malformed;
    line_.resize(line_.size() - 2);
    if (line_.find('\r') != std::string::npos) return State::Malformed;
    const State state = line_complete();
    if (state != State::More) return state;
    line_.clear();
  }
  return State::More;
}

ChunkedDecoder::State ChunkedDecoder::line_complete() {
  switch (part_) {
    case Part::Size:
      return read_size();
    case Part::DataEnd:
      part_ = Part::Size;
      return line_.empty() ? State::More : State::Malformed;
    case Part::Trailer:
      trailer_bytes_ += line_.size();
      if (trailer_bytes_ > kMaxTrailerBytes) return State::Malformed;
      return line_.empty() ? State::Done : State::More;
    case Part::Data:
      break;
  }
  return State::Malformed;
}

ChunkedDecoder::State ChunkedDecoder::read_size() {
  const char* const end = line_.data() + line_.size();
  const auto [stop, error] = std::from_chars(line_.data(), end, left_, 16);
  if (error != std::errc{} || stop - line_.data() > static_cast<std::ptrdiff_t>(kMaxSizeDigits)) {
    return State::Malformed;
  }
  const std::string_view extension(stop, static_cast<std::size_t>(end - stop));
  if (!extension.empty() && extension.find_first_of("; \t") != 0) return State::Malformed;
  if (left_ > max_body_bytes_ - body_bytes_) return State::TooLarge;
  body_bytes_ += left_;
  part_ = left_ == 0 ? Part::Trailer : Part::Data;
  return State::More;
}

}  // namespace mqttproxy::http
