#include "mqttproxy/cluster/cluster.hpp"

#include <algorithm>
#include <array>
#include <future>
#include <utility>

#include <boost/asio/post.hpp>
#include <pthread.h>

#include "mqttproxy/kafka/properties.hpp"
#include "mqttproxy/util/deadline.hpp"
#include "mqttproxy/util/log.hpp"

#include "cluster_impl.hpp"
#include "directory.hpp"

namespace mqttproxy::cluster {

namespace {

constexpr const char* kClientName = "mqttproxy-sessions";
constexpr std::chrono::seconds kTick{1};
/// A tick that is as late as this: the thread has more to do than it can.
constexpr std::chrono::seconds kLate{5};
constexpr std::chrono::seconds kExpiryInterval{10};
/// For a message that a session is owed and that this node has not come to yet, at least this long is waited.
constexpr std::chrono::seconds kGiveUpInterval{30};
/// Writes under way; whatever fills this is beyond what Kafka takes for a long time.
constexpr std::uint32_t kMaxWrites = 500'000;
constexpr std::uint64_t kMaxWriteBytes = 256ULL << 20U;

kafka::ProducerOptions producer_options(const ClusterOptions& options) {
  kafka::ProducerOptions producer;
  producer.name = kClientName;
  producer.backends = options.backends;
  // A client waits for most of what is written here; a busy moment gathers by itself while Kafka answers.
  producer.properties = {{"linger.ms", "0"}};
  producer.properties.insert(producer.properties.end(), options.properties.begin(), options.properties.end());
  producer.max_queue_messages = kMaxWrites;
  producer.max_queue_bytes = kMaxWriteBytes;
  return producer;
}

kafka::ConsumerOptions consumer_options(const ClusterOptions& options, const kafka::TopicPlan& topic,
                                        const char* name) {
  kafka::ConsumerOptions consumer;
  consumer.name = name;
  consumer.backends = options.backends;
  consumer.properties = options.properties;
  consumer.topic = topic;
  return consumer;
}

}  // namespace

std::unique_ptr<Cluster> Cluster::create(const ClusterOptions& options, metrics::Registry& metrics) {
  return std::make_unique<ClusterImpl>(options, metrics);
}

ClusterImpl::ClusterImpl(const ClusterOptions& options, metrics::Registry& metrics)
    : options_(options),
      io_(1),
      work_(boost::asio::make_work_guard(io_)),
      timer_(io_),
      slice_timer_(io_),
      restart_timer_(io_),
      life_{new_incarnation(options.node), 1},
      history_(options.memory_bytes, [this](const kafka::OffsetRange& range) { reader_->read(range); }),
      offline_(history_, options.max_references, options.drop_newest),
      producer_(kafka::Producer::create(producer_options(options), {this}, metrics)),
      reader_(kafka::RangeReader::create(consumer_options(options, options.downlink, "mqttproxy-history"), *this,
                                         metrics)) {
  metrics_ = metrics.add([this](metrics::Scrape& scrape) { collect(scrape); });
  kafka::ConsumerOptions sessions = consumer_options(options, options.sessions, kClientName);
  sessions.start = kafka::Start::Beginning;
  consumer_ = kafka::Consumer::create(sessions, *this, metrics);
  kafka::GroupOptions group;
  group.name = kClientName;
  group.backends = options.backends;
  group.properties = options.properties;
  group.topic = options.sessions.name;
  group.group = options.sessions.name + "-stewards";
  member_ = kafka::GroupMember::create(group, *this, metrics);
}

ClusterImpl::~ClusterImpl() {
  // What calls this object from other threads ends first; the producer reports until its end.
  member_.reset();
  consumer_.reset();
  reader_.reset();
  producer_.reset();
  io_.stop();
  if (thread_.joinable()) thread_.join();
}

void ClusterImpl::start(std::vector<OwnerPort*> workers) {
  workers_ = std::move(workers);
  round_.progress.resize(workers_.size());
  last_tick_.store(Clock::now().time_since_epoch().count());
  schedule_tick();
  thread_ = std::thread([this] {
    ::pthread_setname_np(::pthread_self(), "cluster");
    io_.run();
  });
}

void ClusterImpl::post(std::function<void(ClusterImpl&)> task) {
  boost::asio::post(io_, [this, run = std::move(task)] { run(*this); });
}

void ClusterImpl::drain(std::chrono::milliseconds timeout) {
  const auto deadline = Clock::now() + timeout;
  // What the workers have posted comes before this.
  std::promise<void> written;
  post([&written](ClusterImpl& self) {
    self.write_last();
    written.set_value();
  });
  (void)written.get_future().wait_for(util::time_left(deadline));
  (void)producer_->drain(util::time_left(deadline));
  member_->stop();  // others take over the partitions now
  consumer_->stop();
  reader_->stop();
  io_.stop();
  if (thread_.joinable()) thread_.join();
}

void ClusterImpl::on_assignment(std::vector<std::int32_t> partitions) {
  boost::asio::post(io_, [this, assigned = std::move(partitions)] {
    assignment_ = assigned;
    for (std::size_t i = 0; i < partitions_.size(); ++i) {
      partitions_[i]->assign(std::ranges::find(assignment_, static_cast<std::int32_t>(i)) != assignment_.end(),
                             Clock::now());
    }
  });
}

void ClusterImpl::schedule_tick() {
  timer_.expires_after(kTick);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    tick();
    schedule_tick();
  });
}

void ClusterImpl::tick() {
  const auto now = Clock::now();
  last_tick_.store(now.time_since_epoch().count());
  note_loaded();
  for (const auto& partition : partitions_) partition->tick(now);
  begin_round(now);
  write_stewards(now);
  if (now >= next_expiry_) {
    next_expiry_ = now + kExpiryInterval;
    for (const auto& partition : partitions_) {
      counters_[ClusterEvent::SessionsExpired].add(partition->expire());
    }
  }
  if (loaded_ && now >= next_give_up_) {
    next_give_up_ = now + kGiveUpInterval;
    history_.give_up_beyond();
  }
  pump();
  count();
}

void ClusterImpl::note_loaded() {
  if (loaded_) return;
  if (!started_) return set_reason("sessions: topic " + options_.sessions.name + " is not ready");
  if (!streaming_) return set_reason("sessions: topic " + options_.downlink.name + " is not ready");
  std::int64_t size = 0;
  std::int64_t rest = 0;
  for (const auto& partition : partitions_) {
    size += partition->load_size();
    rest += partition->to_load();
  }
  const auto now = Clock::now();
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(now - created_).count();
  if (rest == 0) {
    loaded_ = true;
    set_reason("");
    spdlog::info("sessions loaded topic={} partitions={} sessions={} after_ms={}", options_.sessions.name,
                 partitions_.size(), sessions(), took);
    return;
  }
  const std::int64_t percent = 100 * (size - rest) / size;
  set_reason("sessions: " + std::to_string(percent) + " % loaded");
  if (now - last_progress_ < 2 * kTick) return;
  last_progress_ = now;
  spdlog::info("sessions loading topic={} percent={} sessions={} after_ms={}", options_.sessions.name, percent,
               sessions(), took);
}

void ClusterImpl::set_reason(std::string reason) {
  const std::scoped_lock lock(reason_mutex_);
  reason_ = std::move(reason);
}

std::string ClusterImpl::reason_not_ready() const {
  for (const kafka::Health& health : {consumer_->health(), producer_->health()}) {
    if (!health.ready) return health.reason;
  }
  const auto since = Clock::now().time_since_epoch() - Clock::duration(last_tick_.load());
  if (since > kLate) {
    return "sessions: their thread has been busy for " +
           std::to_string(std::chrono::duration_cast<std::chrono::seconds>(since).count()) + " s";
  }
  const std::scoped_lock lock(reason_mutex_);
  return reason_;
}

void ClusterImpl::count() {
  std::size_t clients = 0;
  std::size_t online = 0;
  std::size_t stewarding = 0;
  for (const auto& partition : partitions_) {
    clients += partition->view().entries().size();
    for (const auto& [incarnation, served] : partition->view().online()) online += served;
    stewarding += partition->stewarding() ? 1U : 0U;
  }
  counters_[ClusterEvent::Clients].set(clients);
  counters_[ClusterEvent::Sessions].set(sessions());
  counters_[ClusterEvent::Online].set(online);
  counters_[ClusterEvent::Stewarding].set(stewarding);
}

void ClusterImpl::collect(metrics::Scrape& scrape) const {
  const auto counter = [&](const char* name, const char* help, ClusterEvent event) {
    scrape.counter(name, help, static_cast<double>(counters_[event].get()));
  };
  const auto gauge = [&](const char* name, const char* help, std::uint64_t value) {
    scrape.gauge(name, help, static_cast<double>(value));
  };
  counter("mqttproxy_cluster_records_written_total", "Records written to the sessions topic.",
          ClusterEvent::RecordsWritten);
  counter("mqttproxy_cluster_records_read_total", "Records read from it.", ClusterEvent::RecordsRead);
  counter("mqttproxy_cluster_records_ignored_total", "Of them, those that came too late to count.",
          ClusterEvent::RecordsIgnored);
  counter("mqttproxy_cluster_records_bad_total", "Of them, those that no node can have written.",
          ClusterEvent::RecordsBad);
  counter("mqttproxy_cluster_restarts_total", "Times this node gave up all its clients because a write was not stored.",
          ClusterEvent::Restarts);
  counter("mqttproxy_cluster_fenced_connections_total", "Connections closed because others took this node for dead.",
          ClusterEvent::FencedHere);
  counter("mqttproxy_cluster_sessions_expired_total", "Offline sessions this node has ended.",
          ClusterEvent::SessionsExpired);
  counter("mqttproxy_session_references_trimmed_total", "Messages of slow clients that no stored session has room for.",
          ClusterEvent::ReferencesTrimmed);
  gauge("mqttproxy_cluster_clients", "Client ids known, of all nodes.", counters_[ClusterEvent::Clients].get());
  gauge("mqttproxy_cluster_sessions", "Persistent sessions of all nodes.", counters_[ClusterEvent::Sessions].get());
  gauge("mqttproxy_cluster_online", "Clients served, by any node.", counters_[ClusterEvent::Online].get());
  gauge("mqttproxy_cluster_stewarded_partitions", "Sessions partitions whose offline sessions this node looks after.",
        counters_[ClusterEvent::Stewarding].get());

  const OfflineCounters& offline = offline_.counters();
  gauge("mqttproxy_offline_sessions", "Offline sessions this node looks after.", offline[OfflineEvent::Sessions].get());
  gauge("mqttproxy_offline_references", "Messages they miss.", offline[OfflineEvent::References].get());
  scrape.counter("mqttproxy_offline_references_total", "Messages found that an offline session misses.",
                 static_cast<double>(offline[OfflineEvent::Collected].get()));
  scrape.counter("mqttproxy_offline_references_dropped_total", "Of them, dropped: the session missed too many.",
                 static_cast<double>(offline[OfflineEvent::Dropped].get()));

  const HistoryCounters& history = history_.counters();
  scrape.counter("mqttproxy_recoveries_total", "Searches for what a session has missed.",
                 static_cast<double>(history[HistoryEvent::Recoveries].get()));
  gauge("mqttproxy_recoveries_waiting", "Of them, under way.", history[HistoryEvent::Waiting].get());
  scrape.counter("mqttproxy_session_references_lost_total", "Missed messages that Kafka does not keep any more.",
                 static_cast<double>(history[HistoryEvent::ReferencesLost].get()));
  scrape.counter("mqttproxy_recoveries_cut_total", "Times a partition was searched below what Kafka keeps.",
                 static_cast<double>(history[HistoryEvent::ScansCut].get()));
  scrape.counter("mqttproxy_history_messages_total", "Missed messages found.",
                 static_cast<double>(history[HistoryEvent::FromMemory].get()), {{"from", "memory"}});
  scrape.counter("mqttproxy_history_messages_total", "Missed messages found.",
                 static_cast<double>(history[HistoryEvent::FromKafka].get()), {{"from", "kafka"}});
  gauge("mqttproxy_history_memory_messages", "Latest messages kept in memory.",
        history[HistoryEvent::MemoryMessages].get());
  gauge("mqttproxy_history_memory_bytes", "The same in bytes.", history[HistoryEvent::MemoryBytes].get());
}

}  // namespace mqttproxy::cluster
