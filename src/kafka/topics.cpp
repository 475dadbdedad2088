#include "topics.hpp"

#include "mqttproxy/kafka/properties.hpp"

namespace mqttproxy::kafka {

bool is_legal_topic_name(std::string_view name) noexcept {
  constexpr std::size_t kMaxLength = 249;  // the file name of a partition's directory must fit
  if (name.empty() || name.size() > kMaxLength || name == "." || name == "..") return false;
  for (const char c : name) {
    const bool legal =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
    if (!legal) return false;
  }
  return true;
}

Topic& TopicTable::configure(std::string_view name) {
  const std::scoped_lock lock(mutex_);
  const auto found = topics_.find(name);
  return found != topics_.end() ? *found->second : add(name);
}

Topic* TopicTable::open(std::string_view name, TopicError& error) {
  const std::scoped_lock lock(mutex_);
  const auto found = topics_.find(name);
  if (found != topics_.end()) return found->second.get();
  if (!is_legal_topic_name(name)) {
    error = TopicError::IllegalName;
    return nullptr;
  }
  if (dynamic_ >= max_dynamic_) {
    error = TopicError::TooMany;
    return nullptr;
  }
  ++dynamic_;
  return &add(name);
}

Topic& TopicTable::add(std::string_view name) {
  auto topic = std::make_unique<Topic>(name);
  if (client_ != nullptr) topic->handle.store(rd_kafka_topic_new(client_, topic->name.c_str(), nullptr));
  Topic& added = *topic;
  topics_.emplace(added.name, std::move(topic));
  return added;
}

void TopicTable::attach(rd_kafka_t* client) {
  const std::scoped_lock lock(mutex_);
  client_ = client;
  for (const auto& [name, topic] : topics_) topic->handle.store(rd_kafka_topic_new(client, name.c_str(), nullptr));
}

void TopicTable::detach() noexcept {
  const std::scoped_lock lock(mutex_);
  client_ = nullptr;
  for (const auto& [name, topic] : topics_) {
    if (rd_kafka_topic_t* handle = topic->handle.exchange(nullptr)) rd_kafka_topic_destroy(handle);
  }
}

std::size_t TopicTable::size() const {
  const std::scoped_lock lock(mutex_);
  return topics_.size();
}

}  // namespace mqttproxy::kafka
