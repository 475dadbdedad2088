#include "mqttproxy/pipeline/context.hpp"

#include <algorithm>

namespace mqttproxy::pipeline {

void Context::begin(mqtt::PacketType packet_type, const Client& sender) {
  type = packet_type;
  client = sender;
  connect = nullptr;
  publish = nullptr;
  subscribe = nullptr;
  unsubscribe = nullptr;
  suspender = nullptr;
  token = 0;
  records = 0;
  dead_letter_reason = {};
  action_ = Action::None;
  return_code_ = mqtt::ConnectReturnCode::NotAuthorized;
  reason_ = {};
  refused_filters_.clear();
  memory.results.clear();
  memory.records = 0;
  if (++generation_ == 0) {  // wrapped: marks of 2^32 packets ago must not look fresh
    for (Data& data : data_) data.text_set = data.headers_set = 0;
    generation_ = 1;
  }
}

Context::Data& Context::at(Slot slot) {
  if (slot >= data_.size()) data_.resize(std::size_t{slot} + 1);
  return data_[slot];
}

void Context::set_text(Slot slot, std::string_view text) {
  Data& data = at(slot);
  data.text = text;
  data.text_set = generation_;
}

std::optional<std::string_view> Context::text(Slot slot) const noexcept {
  if (slot >= data_.size() || data_[slot].text_set != generation_) return std::nullopt;
  return data_[slot].text;
}

std::vector<MappedHeader>& Context::reset_headers(Slot slot) {
  Data& data = at(slot);
  data.headers.clear();
  data.headers_set = generation_;
  return data.headers;
}

const std::vector<MappedHeader>* Context::headers(Slot slot) const noexcept {
  if (slot >= data_.size() || data_[slot].headers_set != generation_) return nullptr;
  return &data_[slot].headers;
}

void Context::refuse(mqtt::ConnectReturnCode code, std::string_view reason) noexcept {
  if (refused()) return;
  action_ = Action::Refuse;
  return_code_ = code;
  reason_ = reason;
}

void Context::drop(std::string_view reason) noexcept {
  if (action_ != Action::None) return;
  action_ = Action::Drop;
  reason_ = reason;
}

void Context::disconnect(std::string_view reason) noexcept {
  if (refused()) return;
  action_ = Action::Disconnect;
  reason_ = reason;
}

void Context::refuse_filter(std::size_t index) {
  const auto at = std::ranges::lower_bound(refused_filters_, index);
  if (at == refused_filters_.end() || *at != index) refused_filters_.insert(at, index);
}

bool Context::filter_refused(std::size_t index) const noexcept {
  return std::ranges::binary_search(refused_filters_, index);
}

}  // namespace mqttproxy::pipeline
