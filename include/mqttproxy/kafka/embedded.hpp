// Kafka inside the process, for the first five minutes and for tests: librdkafka's mock cluster. It speaks Kafka's
// protocol on 127.0.0.1 to any client and keeps about 5 MB per partition in memory. Nothing in it is durable.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace mqttproxy::kafka {

/// Partitions of a topic that made itself: the mock cluster's own default.
inline constexpr int kEmbeddedPartitions = 4;

/// One broker, at a port the system chose. Topics make themselves. Thread: any.
class EmbeddedKafka {
 public:
  EmbeddedKafka();  // throws std::runtime_error when no port or thread is to be had
  ~EmbeddedKafka();
  EmbeddedKafka(const EmbeddedKafka&) = delete;
  EmbeddedKafka& operator=(const EmbeddedKafka&) = delete;

  /// The one every `backend: [embedded]` of this process means; lives while somebody holds it. Logs its address.
  static std::shared_ptr<EmbeddedKafka> shared();

  /// "127.0.0.1:PORT".
  [[nodiscard]] const std::string& bootstrap() const noexcept;

  // Fault injection, for tests.

  /// Makes a topic with this many partitions.
  void create_topic(const std::string& name, int partitions);
  /// Answers metadata requests for the topic with `code` (rd_kafka_resp_err_t), 0 to end it.
  void set_topic_error(const std::string& name, std::int16_t code);
  /// Each of the next requests of kind `api_key` (Produce is 0, Fetch 1, Metadata 3) fails with the next of `codes`.
  void push_request_errors(std::int16_t api_key, std::span<const std::int16_t> codes);
  /// Every answer waits this long.
  void set_round_trip(std::chrono::milliseconds delay);
  /// Drops all connections and takes no new ones, until up.
  void set_down();
  void set_up();

 private:
  struct Cluster;
  std::unique_ptr<Cluster> cluster_;
};

inline constexpr std::int16_t kApiProduce = 0;
inline constexpr std::int16_t kApiFetch = 1;
inline constexpr std::int16_t kApiMetadata = 3;
inline constexpr std::int16_t kApiJoinGroup = 11;

}  // namespace mqttproxy::kafka
