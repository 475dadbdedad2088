#include "publish_body.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include <nlohmann/json.hpp>

#include "mqttproxy/mqtt/topic.hpp"
#include "mqttproxy/util/base64.hpp"

#include "letters.hpp"

namespace mqttproxy::http {

namespace {

constexpr std::size_t kMaxPublishBytes = 268'435'455;  // MQTT's largest packet
constexpr std::size_t kPublishOverhead = 16;           // more than its headers need

enum class Field : std::uint8_t { Topic, Qos, Payload, Base64, Distributed, Unknown };
constexpr std::array<std::string_view, 5> kFields = {"topic", "qos", "payload", "base64", "distributed"};
constexpr std::array<std::string_view, 5> kTypes = {"a string", "an integer", "a string", "true or false",
                                                    "true or false"};

/// Called by the JSON parser for every value it reads; returns false to stop it. No document is built: strings are
/// moved from the parser into the message.
class Reader {
 public:
  Reader(std::string_view proxy, const TopicLimits& limits) : proxy_(proxy), limits_(limits) {}

  using number_integer_t = nlohmann::json::number_integer_t;
  using number_unsigned_t = nlohmann::json::number_unsigned_t;
  using number_float_t = nlohmann::json::number_float_t;
  using string_t = nlohmann::json::string_t;
  using binary_t = nlohmann::json::binary_t;

  /// Instead of a value: as if the key were not there. Instead of a message: one without keys.
  bool null() { return depth_ >= message_depth() || (start_object(0) && end_object()); }
  bool boolean(bool value) {
    if (skips()) return true;
    if (field_ == Field::Distributed && in_message()) return true;
    if (field_ != Field::Base64 || !in_message()) return wrong_type();
    base64_ = value;
    return true;
  }
  bool number_integer(number_integer_t value) { return integer(value == 0 ? 0 : kBadQos); }  // it has a minus sign
  bool number_unsigned(number_unsigned_t value) { return integer(value); }
  bool number_float(number_float_t /*value*/, const string_t& /*text*/) { return skips() || wrong_type(); }
  bool string(string_t& value) {
    if (skips()) return true;
    if (!in_message() || (field_ != Field::Topic && field_ != Field::Payload)) return wrong_type();
    (field_ == Field::Topic ? message_.topic : message_.payload) = std::move(value);
    return true;
  }
  bool binary(binary_t& /*value*/) { return wrong_type(); }  // not in JSON

  bool start_object(std::size_t /*size*/);
  bool key(string_t& name);
  bool end_object();
  bool start_array(std::size_t /*size*/);
  bool end_array();
  bool parse_error(std::size_t position, const std::string& /*token*/, const nlohmann::detail::exception& /*error*/) {
    // The parser's own text repeats what it read, which may be all of the body.
    return fail("invalid JSON at byte " + std::to_string(position));
  }

  PublishBody take() && { return std::move(result_); }

 private:
  static constexpr number_unsigned_t kBadQos = 3;

  [[nodiscard]] std::size_t message_depth() const noexcept { return batch_ ? 2 : 1; }
  [[nodiscard]] bool in_message() const noexcept { return depth_ == message_depth(); }
  [[nodiscard]] bool skips() const noexcept {
    return depth_ > message_depth() || (in_message() && field_ == Field::Unknown);
  }
  bool integer(number_unsigned_t value);
  bool wrong_type();
  bool fail_field(Field field, std::string_view what);
  bool fail(std::string text) {
    result_.error = std::move(text);
    return false;
  }
  [[nodiscard]] std::string place() const {
    return batch_ ? "[" + std::to_string(result_.messages.size()) + "]" : std::string();
  }
  bool finish_message();
  [[nodiscard]] std::string topic_problem() const;

  const std::string_view proxy_;
  const TopicLimits limits_;
  PublishBody result_;
  downlink::Message message_;
  number_unsigned_t qos_ = 0;
  bool base64_ = false;
  bool batch_ = false;
  std::size_t depth_ = 0;  // open objects and arrays
  Field field_ = Field::Unknown;
};

bool Reader::start_object(std::size_t /*size*/) {
  if (skips()) {
    ++depth_;
    return true;
  }
  if (in_message()) return wrong_type();
  ++depth_;
  message_ = {};
  qos_ = 0;
  base64_ = false;
  return true;
}

bool Reader::key(string_t& name) {
  if (!in_message()) return true;
  const auto found = std::ranges::find_if(kFields, [&](std::string_view field) { return same_letters(field, name); });
  field_ = static_cast<Field>(found - kFields.begin());
  return true;
}

bool Reader::end_object() {
  const bool message = in_message();
  if (message && !finish_message()) return false;
  --depth_;
  return true;
}

bool Reader::start_array(std::size_t /*size*/) {
  if (!skips()) {
    if (batch_ || depth_ != 0) return wrong_type();
    batch_ = true;
  }
  ++depth_;
  return true;
}

bool Reader::end_array() {
  --depth_;
  if (depth_ == 0 && result_.messages.empty()) return fail("an empty array: it must hold at least one message");
  return true;
}

bool Reader::integer(number_unsigned_t value) {
  if (skips()) return true;
  if (!in_message() || field_ != Field::Qos) return wrong_type();
  qos_ = std::min(value, kBadQos);
  return true;
}

bool Reader::wrong_type() {
  if (in_message()) {
    const auto field = static_cast<std::size_t>(field_);
    return fail_field(field_, "must be " + std::string(kTypes.at(field)));
  }
  return fail(batch_ ? place() + ": must be an object" : "must be an object or an array of objects");
}

bool Reader::fail_field(Field field, std::string_view what) {
  const std::string name(kFields.at(static_cast<std::size_t>(field)));
  return fail((batch_ ? place() + "." : std::string()) + name + ": " + std::string(what));
}

std::string Reader::topic_problem() const {
  const std::string& topic = message_.topic;
  if (topic.empty()) return "must not be empty";
  if (topic.size() > limits_.max_bytes) {
    return "must not be longer than " + std::to_string(limits_.max_bytes) + " bytes (limits.maxTopicLength)";
  }
  if (topic.find_first_of("+#") != std::string::npos) return "must not contain + or #";
  if (topic.find('\0') != std::string::npos) return "must not contain U+0000";
  if (mqtt::level_count(topic) > limits_.max_levels) {
    return "must not have more than " + std::to_string(limits_.max_levels) + " levels (limits.maxTopicLevels)";
  }
  return {};  // the JSON parser has seen to UTF-8
}

bool Reader::finish_message() {
  if (result_.messages.size() == kMaxBatch) {
    return fail("more than " + std::to_string(kMaxBatch) + " messages in one request");
  }
  if (qos_ > 1) return fail_field(Field::Qos, "must be 0 or 1");
  if (base64_ && !util::base64_decode(message_.payload)) {
    return fail_field(Field::Payload, "must be standard base64 with padding, as base64 is true");
  }
  if (const std::string problem = topic_problem(); !problem.empty()) return fail_field(Field::Topic, problem);
  if (message_.topic.size() + message_.payload.size() + kPublishOverhead > kMaxPublishBytes) {
    return fail_field(Field::Payload, "must fit into an MQTT packet of 268435455 bytes");
  }
  message_.proxy = proxy_;
  message_.qos = static_cast<mqtt::Qos>(qos_);
  result_.messages.push_back(std::move(message_));
  return true;
}

}  // namespace

PublishBody parse_publish_body(std::string_view body, std::string_view proxy, const TopicLimits& limits) {
  Reader reader(proxy, limits);
  (void)nlohmann::json::sax_parse(body, &reader);
  return std::move(reader).take();
}

}  // namespace mqttproxy::http
