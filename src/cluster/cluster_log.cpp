// The sessions topic: records in, records out, and what becomes of those.
#include <algorithm>
#include <utility>

#include <boost/asio/post.hpp>

#include "mqttproxy/util/log.hpp"
#include "mqttproxy/util/text.hpp"

#include "cluster_impl.hpp"

namespace mqttproxy::cluster {

namespace {

constexpr std::string_view kStewardHeader = "steward";
/// Parsed records that wait for the cluster's thread; then Kafka waits.
constexpr std::size_t kMaxUnread = 20'000;
constexpr std::chrono::seconds kBeforeRestart{1};

std::optional<Record> parse_tombstone(std::span<const kafka::Header> headers) {
  for (const kafka::Header& header : headers) {
    if (header.name != kStewardHeader) continue;
    if (auto steward = decode_life_id(header.value)) return Tombstone{std::move(*steward)};
  }
  return std::nullopt;
}

}  // namespace

// ---- in ------------------------------------------------------------------------------------------------------------

std::size_t ClusterImpl::on_records(std::span<const kafka::ConsumedRecord> records) {
  if (unread_.load(std::memory_order_relaxed) > kMaxUnread) return 0;
  std::vector<Parsed> parsed;
  parsed.reserve(records.size());
  for (const kafka::ConsumedRecord& record : records) {
    Parsed each;
    each.partition = record.partition;
    each.offset = record.offset;
    each.time = record.time.value_or(std::chrono::system_clock::now());
    each.key = decode_key(record.key.value_or(""));
    if (each.key) {
      each.record = record.tombstone ? parse_tombstone(record.headers) : decode(each.key->kind, record.value);
    }
    if (!each.record) {
      spdlog::warn("sessions topic={} partition={} offset={} key=\"{}\": no record of this program, or of a newer one",
                   options_.sessions.name, record.partition, record.offset, util::printable(record.key.value_or("")));
    }
    parsed.push_back(std::move(each));
  }
  unread_.fetch_add(parsed.size(), std::memory_order_relaxed);
  boost::asio::post(io_, [this, batch = std::move(parsed)] {
    apply(batch);
    unread_.fetch_sub(batch.size(), std::memory_order_relaxed);
  });
  return records.size();
}

void ClusterImpl::on_partition(std::int32_t number, std::int64_t first, std::int64_t end) {
  boost::asio::post(io_, [this, number, first, end] {
    if (started_) {
      spdlog::error("sessions topic={} has a new partition={}: it is not used, and no node may start with it",
                    options_.sessions.name, number);
      return;
    }
    const auto index = static_cast<std::size_t>(number);
    while (partitions_.size() <= index) {
      const auto next = static_cast<std::int32_t>(partitions_.size());
      partitions_.push_back(std::make_unique<Partition>(next, life_, incarnations_, static_cast<Effects&>(*this)));
    }
    partitions_[index]->begin(first, end);
  });
}

void ClusterImpl::on_partition_end(std::int32_t number, std::int64_t offset) {
  boost::asio::post(io_, [this, number, offset] {
    const auto index = static_cast<std::size_t>(number);
    if (index < partitions_.size()) partition(index).read_up_to(offset);
    note_loaded();
  });
}

void ClusterImpl::on_started() {
  kafka::TopicError error{};
  topic_.store(producer_->open_topic(options_.sessions.name, error));
  boost::asio::post(io_, [this] {
    started_ = true;
    for (const std::int32_t assigned : assignment_) {
      if (static_cast<std::size_t>(assigned) < partitions_.size())
        partition(static_cast<std::size_t>(assigned)).assign(true, Clock::now());
    }
    claim_early();
    note_loaded();
  });
}

void ClusterImpl::apply(const std::vector<Parsed>& records) {
  const auto now = Clock::now();
  for (const Parsed& each : records) {
    if (static_cast<std::size_t>(each.partition) >= partitions_.size()) continue;
    counters_[ClusterEvent::RecordsRead].add();
    if (each.offset < partition(static_cast<std::size_t>(each.partition)).next()) {
      reset_partition(each.partition, each.offset);
    }
    Partition& read = partition(static_cast<std::size_t>(each.partition));
    if (!each.key || !each.record) {
      counters_[ClusterEvent::RecordsBad].add();
      read.read_up_to(each.offset + 1);
    } else if (!read.apply(each.offset, each.time, *each.key, *each.record, now)) {
      counters_[ClusterEvent::RecordsIgnored].add();
    }
  }
  if (!loaded_) note_loaded();
}

/// The log begins anew: somebody has deleted the topic, or Kafka has lost what it had acknowledged.
void ClusterImpl::reset_partition(std::int32_t number, std::int64_t offset) {
  const auto index = static_cast<std::size_t>(number);
  spdlog::error("sessions topic={} partition={} goes back from offset={} to {}: its sessions are read again",
                options_.sessions.name, number, partition(index).next(), offset);
  const bool assigned = std::ranges::find(assignment_, number) != assignment_.end();
  drop_all(number);
  restart_life();
  const auto removals = partition(index).removals();
  partitions_[index] = std::make_unique<Partition>(number, life_, incarnations_, static_cast<Effects&>(*this));
  partition(index).begin(offset, offset);
  partition(index).assign(assigned, Clock::now());
  for (const auto& [client, since] : removals) partition(index).remove(client, since);
}

// ---- out -----------------------------------------------------------------------------------------------------------

void ClusterImpl::write(std::int32_t partition, const Key& key, const Record& record) {
  if (failed_) return;  // nothing of this life may follow what is missing
  const auto* tombstone = std::get_if<Tombstone>(&record);
  const std::string name = encode(key);
  const std::string value = tombstone == nullptr ? encode(record) : std::string();
  const std::string steward = tombstone == nullptr ? std::string() : encode(tombstone->steward);
  const kafka::Header header{kStewardHeader, steward};
  kafka::Record produced;
  produced.topic = topic_.load();
  produced.partition = partition;
  produced.key = name;
  produced.value = value;
  produced.tombstone = tombstone != nullptr;
  if (tombstone != nullptr) produced.headers = std::span(&header, 1);
  produced.token = next_token_++;
  switch (producer_->produce(produced)) {
    case kafka::ProduceResult::Accepted:
      unstored_.emplace(produced.token, Clock::now());
      written_bytes_ += name.size() + value.size();
      counters_[ClusterEvent::RecordsWritten].add();
      return;
    case kafka::ProduceResult::QueueFull:
      return fail("too many writes wait for Kafka");
    case kafka::ProduceResult::TooLarge:
      if (key.kind == Kind::Checkpoint) {  // the last one holds still
        spdlog::error("sessions topic={} key=\"{}\" bytes={}: larger than Kafka takes, and not written",
                      options_.sessions.name, name, value.size());
        return;
      }
      return fail("record of " + std::to_string(value.size()) + " bytes is larger than Kafka takes, key " + name);
    case kafka::ProduceResult::Failed:
      failed_ = true;  // the daemon stops
      return;
  }
}

void ClusterImpl::on_reports(std::vector<kafka::Report> reports) {
  boost::asio::post(io_, [this, batch = std::move(reports)] { settle(batch); });
}

void ClusterImpl::settle(const std::vector<kafka::Report>& reports) {
  for (const kafka::Report& report : reports) {
    if (unstored_.erase(report.token) == 0 || report.outcome == kafka::Outcome::Stored) continue;
    fail("write not stored: " + std::string(kafka::error_name(report.code)));
  }
  while (!after_.empty() && (unstored_.empty() || unstored_.begin()->first >= after_.front().first)) {
    const auto then = std::move(after_.front().second);
    after_.pop_front();
    then();
  }
}

/// Calls `then` once everything written so far is stored; never, when some of it is not.
void ClusterImpl::when_stored(std::function<void()> then) {
  if (unstored_.empty()) return then();
  after_.emplace_back(next_token_, std::move(then));
}

/// What this node has written is not known to be in the log, so others may see it differently: like a node that has
/// died, it gives up what it serves and begins anew – a moment later, as the next write may fail like this one.
void ClusterImpl::fail(std::string reason) {
  if (std::exchange(failed_, true)) return;
  spdlog::error("sessions topic={} reason=\"{}\": all clients are disconnected", options_.sessions.name, reason);
  boost::asio::post(io_, [this] {
    if (failed_) give_up_life();
  });
  restart_timer_.expires_after(kBeforeRestart);
  restart_timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error && failed_) restart_life();
  });
}

void ClusterImpl::give_up_life() {
  after_.clear();
  unstored_.clear();  // reports of the old life say nothing to the new one
  round_.open = round_.waiting = false;
  pass_.reset();
  for (const auto& partition : partitions_) partition->restart();
}

void ClusterImpl::restart_life() {
  counters_[ClusterEvent::Restarts].add();
  life_ = {new_incarnation(options_.node), 1};
  give_up_life();
  failed_ = false;
}

}  // namespace mqttproxy::cluster
