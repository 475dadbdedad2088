// One librdkafka producer handle with its event queue. A Producer replaces it when it turned fatal.
#pragma once

#include <memory>

#include <librdkafka/rdkafka.h>

#include "mqttproxy/kafka/embedded.hpp"
#include "mqttproxy/kafka/producer.hpp"

#include "library_log.hpp"
#include "raii.hpp"

namespace mqttproxy::kafka {

class Client {
 public:
  /// Connects in the background. Throws std::runtime_error with librdkafka's reason.
  explicit Client(const ProducerOptions& options);

  [[nodiscard]] rd_kafka_t* handle() const noexcept { return handle_.get(); }

  /// The next report or error event, nullptr after `timeout_ms` or a wake().
  [[nodiscard]] EventPtr poll(int timeout_ms) const { return EventPtr(rd_kafka_queue_poll(events_.get(), timeout_ms)); }
  /// Ends the current or next poll(). Thread: any.
  void wake() const { rd_kafka_queue_yield(events_.get()); }

 private:
  LibraryLog log_;
  std::shared_ptr<EmbeddedKafka> embedded_;
  HandlePtr handle_;
  QueuePtr events_;  // must go before the handle
};

}  // namespace mqttproxy::kafka
