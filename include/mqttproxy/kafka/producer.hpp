// Records into Kafka, and the truth about them back. Knows no MQTT: a caller hands in a token per record and gets
// exactly one Report with that token. acks=all and idempotence are not negotiable here (properties.hpp).
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/system/error_code.hpp>

namespace mqttproxy::metrics {
class Registry;
}

namespace mqttproxy::kafka {

/// What became of one record.
enum class Outcome : std::uint8_t {
  Stored,        // acknowledged by all in-sync replicas
  DeadLettered,  // refused for good, and its copy in the dead-letter topic is stored
  Refused,       // refused for good: unknown or illegal topic, not authorised, too large
  Unknown,       // purged, timed out, producer fatal: may or may not be stored
};

struct Report {
  std::uint64_t token = 0;
  Outcome outcome = Outcome::Unknown;
  std::int16_t code = 0;  // rd_kafka_resp_err_t of the first failure, 0 when Stored
};

/// Name of a Report's code, for logs and labels: "UNKNOWN_TOPIC_OR_PART".
[[nodiscard]] std::string_view error_name(std::int16_t code) noexcept;

/// A lane is one consumer of reports: a worker. The lane of a record is the top byte of its token.
/// Both calls come on the producer's report thread and must only post.
class ReportSink {
 public:
  virtual ~ReportSink() = default;
  /// All reports of one wake-up for this lane, in the order Kafka gave them.
  virtual void on_reports(std::vector<Report> reports) = 0;
  /// There is room again after produce() answered QueueFull on this lane.
  virtual void on_room() = 0;
};

inline constexpr int kLaneShift = 56;

struct Header {
  std::string_view name;
  std::string_view value;
};

/// A topic known to a producer; valid until the producer ends.
struct Topic;

/// Everything is copied by produce().
struct Record {
  Topic* topic = nullptr;
  std::optional<std::string_view> key;  // nullopt: no key, Kafka spreads
  std::span<const Header> headers;
  std::string_view value;
  std::uint64_t token = 0;
  bool tombstone = false;  // no value at all (`value` is ignored): a compacted topic forgets the key
  /// nullopt: the partitioner chooses. A partition the topic does not have is a refusal; the copy in the dead-letter
  /// topic goes where the partitioner says.
  std::optional<std::int32_t> partition = std::nullopt;
};

enum class ProduceResult : std::uint8_t {
  Accepted,   // exactly one Report will follow
  QueueFull,  // nothing was taken (also while a fatal producer is replaced); on_room() will be called on this lane
  TooLarge,   // above message.max.bytes; nothing was taken
  Failed,     // the producer is closing; nothing was taken
};

enum class TopicError : std::uint8_t {
  IllegalName,  // not [A-Za-z0-9._-]{1,249}, or "." or ".."
  TooMany,      // topic.maxDynamic reached
};

/// Where a Kafka filter puts records: the real producer, or a recorder in tests and `explain`.
/// Thread: any, concurrently.
class RecordSink {
 public:
  virtual ~RecordSink() = default;
  /// A handle for `kafka_topic`, made on first use and kept. nullptr with `error` set when refused. Locks: cache it.
  [[nodiscard]] virtual Topic* open_topic(std::string_view kafka_topic, TopicError& error) = 0;
  /// Copies the record into the local queue. Never blocks.
  [[nodiscard]] virtual ProduceResult produce(const Record& record) noexcept = 0;
};

struct ProducerOptions {
  std::string name;                   // librdkafka client.id and metrics label: the filter's name
  std::vector<std::string> backends;  // host:port, or exactly {"embedded"}
  std::vector<std::pair<std::string, std::string>> properties;  // librdkafka's, already checked
  std::vector<std::string> topics;  // named in the configuration: handles and metadata are made at start
  std::string dead_letter_topic;    // empty: none
  std::uint32_t max_queue_messages = 200'000;
  std::uint64_t max_queue_bytes = 256ULL << 20U;
  std::uint32_t max_dynamic_topics = 1'000;

  bool operator==(const ProducerOptions&) const = default;
};

/// Why a producer is not ready; empty when it is.
struct Health {
  bool ready = false;
  std::string reason;  // "Kafka 127.0.0.1:9092 unreachable: …"
};

/// The real thing. Owns the librdkafka handle, the report thread and the health thread.
/// Life: construct → produce from any thread → drain() → destroy. Lanes must outlive it.
class Producer : public RecordSink {
 public:
  /// Throws std::runtime_error (the librdkafka reason) for a combination rd_kafka_new refuses. Does not wait for Kafka.
  static std::unique_ptr<Producer> create(const ProducerOptions& options, const std::vector<ReportSink*>& lanes,
                                          metrics::Registry& metrics);

  [[nodiscard]] virtual Health health() const = 0;
  /// Local queue: records whose report has not been handed out.
  [[nodiscard]] virtual std::size_t unreported() const noexcept = 0;
  /// Another one takes its place: it is no longer in the metrics, and works on. Thread: main.
  virtual void retire() = 0;
  /// Sends what is queued and waits for the reports, at most `timeout`; what is left is purged and reported Unknown.
  /// Returns the number purged. Thread: main, once; produce() answers Failed from then on.
  virtual std::size_t drain(std::chrono::milliseconds timeout) = 0;
};

}  // namespace mqttproxy::kafka
