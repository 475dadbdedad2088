// Topics by name. A Topic stays where it is for the producer's life; what it points to in librdkafka changes when
// the client behind it is replaced.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include <librdkafka/rdkafka.h>

#include "mqttproxy/kafka/producer.hpp"

namespace mqttproxy::kafka {

struct Topic {
  explicit Topic(std::string_view topic_name) : name(topic_name) {}
  const std::string name;
  /// nullptr while no client is attached, and when librdkafka would not make it.
  std::atomic<rd_kafka_topic_t*> handle{nullptr};
};

/// Thread: any; attach and detach while no produce() is under way (Gate).
class TopicTable {
 public:
  explicit TopicTable(std::uint32_t max_dynamic) : max_dynamic_(max_dynamic) {}
  ~TopicTable() { detach(); }
  TopicTable(const TopicTable&) = delete;
  TopicTable& operator=(const TopicTable&) = delete;

  /// A topic named in the configuration: not counted against the limit. The name must be legal.
  Topic& configure(std::string_view name);
  /// nullptr with `error` set when refused.
  Topic* open(std::string_view name, TopicError& error);

  /// Makes librdkafka's handles of all topics; also those opened from now on.
  void attach(rd_kafka_t* client);
  /// Gives them back; must come before the client is destroyed.
  void detach() noexcept;

  [[nodiscard]] std::size_t size() const;

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>{}(text); }
  };

  Topic& add(std::string_view name);

  mutable std::mutex mutex_;
  rd_kafka_t* client_ = nullptr;
  std::unordered_map<std::string, std::unique_ptr<Topic>, Hash, std::equal_to<>> topics_;
  std::uint32_t max_dynamic_;
  std::uint32_t dynamic_ = 0;
};

}  // namespace mqttproxy::kafka
