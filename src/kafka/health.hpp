// Asks Kafka for metadata now and then: the answer to "can this producer work?".
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <thread>

#include <librdkafka/rdkafka.h>

#include "mqttproxy/kafka/producer.hpp"

#include "client.hpp"

namespace mqttproxy::kafka {

/// Its own thread, because rd_kafka_metadata blocks. A request names the topics in use, so the first one also fetches
/// what the first records need. Logs when readiness changes, and every 30 s why it is not.
class HealthProbe {
 public:
  static constexpr std::chrono::seconds kWhenReady{5};
  static constexpr std::chrono::seconds kWhenNot{1};
  /// A stopped broker accepts connections and says nothing: this long, then it is not ready. Also the longest that
  /// join() waits.
  static constexpr std::chrono::seconds kAnswerWithin{3};
  static constexpr std::chrono::seconds kRepeatLog{30};

  using ClientSource = std::function<std::shared_ptr<const Client>()>;

  /// `client` answers nullptr while there is none. `address` is what the log calls the Kafka.
  HealthProbe(std::string producer, std::string address, ClientSource client);
  ~HealthProbe();
  HealthProbe(const HealthProbe&) = delete;
  HealthProbe& operator=(const HealthProbe&) = delete;

  void start();
  /// Ends the thread as soon as the request under way has its answer.
  void stop() noexcept;
  /// stop(), and waits for that.
  void join() noexcept;

  [[nodiscard]] Health health() const;

  /// librdkafka said that something is wrong: remember it as a reason. `all_down`: ask now. Thread: any.
  void note_error(std::string_view text, bool all_down);

 private:
  void run();
  void probe(const Client& client);
  void set_ready(int brokers);
  void set_not_ready(const std::string& what);
  void warn_about_topics(const rd_kafka_metadata_t& metadata);

  const std::string producer_;
  const std::string address_;
  const ClientSource client_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool stop_ = false;
  bool ask_now_ = false;
  Health health_;
  std::string last_error_;

  // Probe thread only.
  std::chrono::steady_clock::time_point last_log_{};
  std::set<std::string, std::less<>> missing_topics_;

  std::thread thread_;
};

}  // namespace mqttproxy::kafka
