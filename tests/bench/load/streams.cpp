#include "load/streams.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>

#include "load/error.hpp"

namespace mqttproxy::bench {
namespace {

std::string_view text_of(std::span<const std::uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

bool same_letters(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

/// The value of a header field in lines of "Name: value", letter case ignored; nullopt when it is not there.
std::optional<std::string_view> header_field(std::string_view head, std::string_view name) {
  while (!head.empty()) {
    const std::size_t end = std::min(head.find("\r\n"), head.size());
    const std::string_view line = head.substr(0, end);
    head.remove_prefix(std::min(end + 2, head.size()));
    if (line.size() <= name.size() || line[name.size()] != ':' || !same_letters(line.substr(0, name.size()), name)) {
      continue;
    }
    const std::size_t begin = line.find_first_not_of(' ', name.size() + 1);
    return begin == std::string_view::npos ? std::string_view() : line.substr(begin);
  }
  return std::nullopt;
}

std::size_t number_of(std::string_view text, const char* what) {
  std::size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) {
    throw LoadError(std::string("the HTTP answer has a bad ") + what + ": " + std::string(text));
  }
  return value;
}

}  // namespace

std::optional<Delivery> parse_delivery(const ServerPacket& packet) {
  constexpr unsigned kPublish = 3;
  Delivery delivery;
  delivery.qos = packet.first >> 1 & 3U;
  auto rest = packet.body;
  if (packet.type() != kPublish || delivery.qos == 3 || rest.size() < 2) return std::nullopt;
  const std::size_t topic_bytes = static_cast<std::size_t>(rest[0]) << 8 | rest[1];
  const std::size_t id_bytes = delivery.qos > 0 ? 2 : 0;
  rest = rest.subspan(2);
  if (rest.size() < topic_bytes + id_bytes) return std::nullopt;
  delivery.topic = text_of(rest.first(topic_bytes));
  rest = rest.subspan(topic_bytes);
  if (id_bytes > 0) {
    delivery.packet_id = static_cast<std::uint16_t>(rest[0] << 8 | rest[1]);
    if (delivery.packet_id == 0) return std::nullopt;
  }
  delivery.payload = text_of(rest.subspan(id_bytes));
  return delivery;
}

std::optional<PacketStream::Frame> PacketStream::frame_of(std::span<const std::uint8_t> data) {
  constexpr std::size_t kLargest = 1 << 20;
  std::size_t length = 0;
  for (std::size_t at = 1; at < 5; ++at) {
    if (at == data.size()) return Frame{};
    length |= static_cast<std::size_t>(data[at] & 0x7F) << 7 * (at - 1);
    if ((data[at] & 0x80) != 0) continue;
    if (length > kLargest) return std::nullopt;
    return Frame{at + 1, at + 1 + length};
  }
  return std::nullopt;
}

std::optional<int> HttpAnswers::feed(std::string_view bytes) {
  constexpr std::string_view kVersion = "HTTP/1.1 ";
  text_ += bytes;
  const std::string_view text = text_;
  const std::size_t head_end = text.find("\r\n\r\n");
  if (!text.starts_with(kVersion.substr(0, text.size()))) throw LoadError("the answer is not HTTP/1.1");
  if (head_end == std::string_view::npos) return std::nullopt;
  const std::string_view head = text.substr(0, head_end);
  const auto length = header_field(head, "Content-Length");
  if (!length) throw LoadError("the HTTP answer has no Content-Length");
  const std::size_t whole = head_end + 4 + number_of(*length, "Content-Length");
  if (text.size() < whole) return std::nullopt;
  if (text.size() > whole) throw LoadError("more than one HTTP answer to one request");
  const auto connection = header_field(head, "Connection");
  if (connection && same_letters(*connection, "close")) throw LoadError("the HTTP connection is not kept open");
  const auto status = static_cast<int>(number_of(head.substr(kVersion.size(), 3), "status"));
  text_.clear();
  return status;
}

std::string http_post(std::string_view host, std::string_view path, std::string_view body) {
  std::string request("POST ");
  request.append(path).append(" HTTP/1.1\r\nHost: ").append(host).append("\r\nContent-Type: application/json\r\n");
  request.append("Content-Length: ").append(std::to_string(body.size())).append("\r\n\r\n").append(body);
  return request;
}

}  // namespace mqttproxy::bench
