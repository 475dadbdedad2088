// The Producer. Three parties work on it:
//
//   callers          produce(): Gate → enqueue → librdkafka                                     producer.cpp
//   report thread    librdkafka's events → one batch of reports per lane; room; dead letters    report_loop.cpp
//                    a fatal client is emptied and replaced                                     producer_restart.cpp
//   main             drain(), destructor                                                        producer_drain.cpp
//
// The callers' path takes no lock of ours. What replaces a client first closes the Gate, which waits until nobody is
// inside; so a caller never sees a client or a topic handle that is being destroyed.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <librdkafka/rdkafka.h>

#include "mqttproxy/kafka/producer.hpp"
#include "mqttproxy/metrics/metrics.hpp"

#include "client.hpp"
#include "dead_letter.hpp"
#include "gate.hpp"
#include "health.hpp"
#include "stats.hpp"
#include "topics.hpp"

namespace mqttproxy::kafka {

class ProducerImpl final : public Producer {
 public:
  ProducerImpl(const ProducerOptions& options, const std::vector<ReportSink*>& lanes, metrics::Registry& metrics);
  ~ProducerImpl() override;
  ProducerImpl(const ProducerImpl&) = delete;
  ProducerImpl& operator=(const ProducerImpl&) = delete;

  [[nodiscard]] Topic* open_topic(std::string_view kafka_topic, TopicError& error) override;
  [[nodiscard]] ProduceResult produce(const Record& record) noexcept override;
  [[nodiscard]] Health health() const override { return health_.health(); }
  [[nodiscard]] std::size_t unreported() const noexcept override { return gate_.unreported(); }
  void retire() override { metrics_ = {}; }
  std::size_t drain(std::chrono::milliseconds timeout) override;

  /// The client in use, nullptr while it is being replaced. Thread: any.
  [[nodiscard]] std::shared_ptr<const Client> client() const;

 private:
  using Clock = std::chrono::steady_clock;

  // producer.cpp
  void configure_topics();
  ProduceResult not_taken(Gate::Entry& entry, Lane& lane, const Client& client, const Record& record,
                          rd_kafka_resp_err_t error) noexcept;
  ProduceResult wait_for_room(Gate::Entry& entry, Lane& lane) noexcept;
  ProduceResult refuse(Gate::Entry& entry, Lane& lane, const Client& client, const Record& record,
                       rd_kafka_resp_err_t error) noexcept;
  void collect(metrics::Scrape& scrape) const;

  // report_loop.cpp: report thread
  void run();
  void serve(std::chrono::milliseconds timeout);
  void take_events(std::chrono::milliseconds timeout);
  std::size_t take_reports(rd_kafka_event_t* event);
  void take_error(rd_kafka_event_t* event);
  void take_report(const rd_kafka_message_t& message);
  void take_rare_report(const rd_kafka_message_t& message, bool from_dead_letter_topic);
  void take_local_reports();
  void send_dead_letters();
  void finish(const Report& report);
  void hand_out();
  void offer_room();
  [[nodiscard]] std::chrono::milliseconds patience() const noexcept;

  // producer_restart.cpp: report thread
  void restart();
  void end_client();
  void begin_client();
  [[nodiscard]] std::uint64_t in_library() const noexcept;
  [[nodiscard]] std::chrono::milliseconds next_pause() noexcept;
  bool wait_unless_shut(std::chrono::milliseconds pause);
  void replace_client(std::shared_ptr<Client> client);

  // producer_drain.cpp: main
  void await_reports(Clock::time_point deadline, bool flush);

  const ProducerOptions options_;
  const std::uint64_t max_value_bytes_;

  Gate gate_;
  TopicTable topics_;
  Topic* dead_letter_topic_ = nullptr;
  Stats stats_;
  HealthProbe health_;

  mutable std::mutex client_mutex_;
  std::shared_ptr<Client> client_;  // written by the report thread under the mutex; that thread reads it without

  std::mutex local_mutex_;
  std::vector<Report> local_reports_;  // librdkafka refused these in produce(): they have no delivery report
  std::atomic<bool> has_local_reports_{false};

  std::atomic<bool> fatal_{false};    // to be looked at by the report thread
  std::atomic<bool> purging_{false};  // drain() has given up waiting
  std::atomic<std::size_t> purged_{0};
  bool drained_ = false;  // main only

  std::mutex wake_mutex_;
  std::condition_variable shut_changed_;  // the report thread waits out a pause
  std::condition_variable reported_;      // drain() waits for reports
  bool stop_ = false;

  // Report thread only.
  std::deque<DeadLetter> dead_letters_;  // wait for room; the gate is closed meanwhile, which bounds them
  std::uint64_t freed_messages_ = 0;
  std::uint64_t freed_bytes_ = 0;
  std::uint64_t freed_messages_before_ = 0;  // this wake-up
  std::uint64_t freed_bytes_before_ = 0;
  bool reopened_ = false;  // the gate has been opened again: whoever waits may try
  Clock::time_point client_since_;
  std::chrono::milliseconds last_pause_{0};

  metrics::Registry::Handle metrics_;
  std::thread thread_;
};

}  // namespace mqttproxy::kafka
