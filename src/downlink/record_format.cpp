#include "mqttproxy/downlink/record_format.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include "mqttproxy/mqtt/topic.hpp"

namespace mqttproxy::downlink {

namespace {

constexpr std::size_t kMaxPublishBytes = 268'435'455;  // MQTT's largest packet
constexpr std::size_t kPublishOverhead = 16;           // more than its headers need

std::optional<std::string_view> find(std::span<const kafka::Header> headers, std::string_view name) {
  const auto last = std::find_if(headers.rbegin(), headers.rend(),
                                 [name](const kafka::Header& header) { return header.name == name; });
  return last == headers.rend() ? std::nullopt : std::optional(last->value);
}

bool read_qos(std::span<const kafka::Header> headers, mqtt::Qos& qos) {
  const std::string_view text = find(headers, kQosHeader).value_or("1");
  qos = text == "1" ? mqtt::Qos::AtLeastOnce : mqtt::Qos::AtMostOnce;
  return text == "0" || text == "1";
}

bool read_expiry(std::span<const kafka::Header> headers, std::optional<std::uint32_t>& expiry) {
  const auto text = find(headers, kExpiryHeader);
  if (!text) {
    expiry.reset();
    return true;
  }
  const char* end = text->data() + text->size();
  const auto [at, error] = std::from_chars(text->data(), end, expiry.emplace());
  return error == std::errc{} && at == end;
}

/// Deliver when the record is for one of this node's proxies.
Fate read_proxy(std::span<const kafka::Header> headers, const RecordRules& rules, std::string& proxy) {
  const auto name = find(headers, kProxyHeader);
  if (!name) {
    if (rules.proxies.size() != 1) return Fate::NoProxy;
    proxy = rules.proxies.front();
    return Fate::Deliver;
  }
  if (std::ranges::find(rules.proxies, *name) == rules.proxies.end()) return Fate::OtherProxy;
  proxy = *name;
  return Fate::Deliver;
}

}  // namespace

std::string_view label(Fate fate) noexcept {
  static constexpr std::array<std::string_view, static_cast<std::size_t>(Fate::Count_)> kLabels = {
      "deliver", "expired", "other_proxy", "no_topic", "bad_topic", "bad_qos", "bad_expiry", "no_proxy", "too_large"};
  return kLabels.at(static_cast<std::size_t>(fate));
}

Fate decode(const kafka::ConsumedRecord& record, const RecordRules& rules, std::chrono::system_clock::time_point now,
            Message& message) {
  if (!record.key) return Fate::NoTopic;
  const std::string_view topic = *record.key;
  if (topic.size() > rules.max_topic_bytes || !mqtt::is_topic_name(topic, rules.max_topic_levels)) {
    return Fate::BadTopic;
  }
  if (!read_qos(record.headers, message.qos)) return Fate::BadQos;
  if (!read_expiry(record.headers, message.expiry)) return Fate::BadExpiry;
  if (topic.size() + record.value.size() + kPublishOverhead > kMaxPublishBytes) return Fate::TooLarge;
  if (const Fate fate = read_proxy(record.headers, rules, message.proxy); fate != Fate::Deliver) return fate;
  if (message.expiry && record.time && now - *record.time >= std::chrono::seconds(*message.expiry)) {
    return Fate::Expired;
  }
  message.topic = topic;
  message.payload = record.value;
  message.partition = record.partition;
  message.offset = record.offset;
  return Fate::Deliver;
}

RecordHeaders::RecordHeaders(const Message& message)
    : headers_{{{kQosHeader, message.qos == mqtt::Qos::AtMostOnce ? "0" : "1"}, {kProxyHeader, message.proxy}, {}}} {
  if (!message.expiry) return;
  const auto written = std::to_chars(expiry_.data(), expiry_.data() + expiry_.size(), *message.expiry);
  headers_[count_++] = {kExpiryHeader, {expiry_.data(), static_cast<std::size_t>(written.ptr - expiry_.data())}};
}

}  // namespace mqttproxy::downlink
