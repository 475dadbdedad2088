#include "worker.hpp"

#include <algorithm>
#include <utility>

#include <boost/asio/post.hpp>
#include <boost/container_hash/hash.hpp>
#include <pthread.h>

#include "mqttproxy/util/log.hpp"
#include "mqttproxy/util/text.hpp"

namespace mqttproxy::net {

using session::CloseCause;
using session::Handle;

namespace {

/// Keep-alive closes between 1.5 and 2 periods: a quarter of the smallest period keeps that for one second too.
constexpr auto kSweepInterval = std::chrono::milliseconds(250);
constexpr auto kSessionSweepInterval = std::chrono::seconds(30);
constexpr std::size_t kCloseBatch = 1'000;

constexpr std::uint32_t kTokenSlots = 1U << 24U;

/// A token is lane (8 bits) · slot of the publication (24) · generation (32).
Handle publication_of(std::uint64_t token) noexcept {
  return {static_cast<std::uint32_t>(token >> 32U) & (kTokenSlots - 1), static_cast<std::uint32_t>(token)};
}

}  // namespace

Worker::Worker(unsigned index, std::shared_ptr<const config::Config> config, Shared& shared)
    : index_(index),
      config_(std::move(config)),
      shared_(shared),
      io_(1),
      work_(boost::asio::make_work_guard(io_)),
      sweep_timer_(io_),
      poller_(io_, [this](std::uint64_t id, std::uint32_t events) { on_event(id, events); }),
      fanout_(*this, config_->node),
      wills_(*this),
      read_buffer_(std::make_unique<char[]>(kReadBytes + kMergeBytes)),
      random_(std::random_device{}()) {
  for (std::size_t i = 0; i < config_->proxies.size(); ++i) {
    proxies_.emplace_back(config_->proxies[i], i, config_->node.limits, shared.memory, counters_.outbox);
  }
}

Worker::~Worker() {
  join();
}

void Worker::stop() {
  io_.stop();
}

void Worker::apply(Revision revision) {
  ++revision_;
  config_ = std::move(revision.config);
  fanout_.set_limits(config_->node);
  for (ProxyRuntime& proxy : proxies_) {
    proxy.config = &config_->proxies[proxy.index];
    proxy.settings = core_settings(limits());
    proxy.registry.set_limits(registry_limits(limits(), shared_.memory));
    for (std::size_t type = 0; type < proxy.pipelines.size(); ++type) {
      const auto& index = proxy.config->pipelines[type];
      proxy.pipelines[type] = index ? revision.pipelines[*index] : nullptr;
    }
  }
  for (std::size_t i = 0; i < listeners_.size(); ++i) listeners_[i].tls = revision.tls[i];
  connections_.for_each([](Handle, Cell& cell) { cell.connection->on_new_pipelines(); });
}

void Worker::add_listener(std::size_t proxy, int fd, bool proxy_protocol, Places::Door& door) {
  listeners_.push_back({boost::asio::posix::stream_descriptor(io_, fd), proxy, proxy_protocol, &door});
}

void Worker::start() {
  for (Listener& listener : listeners_) await_connections(listener);
  poller_.start();
  schedule_sweep();
  thread_ = std::thread([this] {
    ::pthread_setname_np(::pthread_self(), ("worker-" + std::to_string(index_)).c_str());
    io_.run();
  });
}

void Worker::join() {
  if (thread_.joinable()) thread_.join();
}

std::uint64_t Worker::token(Handle publication) const noexcept {
  return std::uint64_t{index_} << kafka::kLaneShift | std::uint64_t{publication.slot} << 32U | publication.generation;
}

unsigned Worker::home_of(std::string_view client_id) const noexcept {
  if (peers_.size() <= 1) return index_;
  return static_cast<unsigned>(boost::hash_range(client_id.begin(), client_id.end()) % peers_.size());
}

std::string Worker::generate_client_id() {
  static constexpr std::string_view kAlphabet = "0123456789abcdefghijklmnopqrstuvwxyz";
  std::string id;
  do {
    id = "auto-";
    for (int i = 0; i < 18; ++i) id += kAlphabet[random_() % kAlphabet.size()];
  } while (home_of(id) != index_);
  return id;
}

Connection* Worker::find(Handle connection) noexcept {
  Cell* cell = connections_.find(connection);
  return cell == nullptr ? nullptr : cell->connection.get();
}

std::size_t Worker::persistent_sessions() const noexcept {
  std::size_t sessions = 0;
  for (const Worker* peer : peers_) sessions += peer->counters_.outbox[session::OutboxEvent::Persistent].get();
  return sessions;
}

ProxyRuntime* Worker::proxy(std::string_view name) noexcept {
  const auto it =
      std::ranges::find(proxies_, name, [](const ProxyRuntime& proxy) { return std::string_view(proxy.config->name); });
  return it == proxies_.end() ? nullptr : &*it;
}

bool Worker::remove_session(ProxyRuntime& proxy, std::string_view client_id) {
  const Handle handle = proxy.registry.find(client_id);
  const session::Session* session = proxy.registry.find(handle);
  if (session == nullptr) return false;
  spdlog::info("session deleted client_id=\"{}\" proxy={}", util::printable(client_id), proxy.config->name);
  if (Connection* connection = find(session->connection)) {
    connection->end(CloseCause::SessionDeleted, "the session was deleted");
  }
  proxy.registry.remove(handle);
  return true;
}

void Worker::set_deadline(Handle connection, Clock::time_point deadline) noexcept {
  if (Cell* cell = connections_.find(connection)) cell->deadline = deadline;
}

void Worker::on_event(std::uint64_t id, std::uint32_t events) {
  const Handle handle = handle_of(id);
  // The first may end the connection. An error is for both to find.
  if ((events & ~std::uint32_t{EPOLLIN}) != 0) {
    if (Connection* connection = find(handle)) connection->on_writable();
  }
  if ((events & ~std::uint32_t{EPOLLOUT}) != 0) {
    if (Connection* connection = find(handle)) connection->on_readable();
  }
}

void Worker::erase(Handle connection) {
  Cell* cell = connections_.find(connection);
  if (cell == nullptr) return;
  // Out of the slab before it dies: what its destructor cancels finds nobody.
  const std::unique_ptr<Connection> dying = std::move(cell->connection);
  connections_.erase(connection);
}

void Worker::wait_for_room(Handle connection) {
  // Those that ended while they waited must not pile up for as long as Kafka is away.
  constexpr std::size_t kKept = 1'024;
  if (waiting_for_room_.size() >= kKept + 2 * connections_.size()) {
    std::erase_if(waiting_for_room_, [this](Handle waiting) { return find(waiting) == nullptr; });
  }
  waiting_for_room_.push_back(connection);
}

void Worker::abandon(Handle handle) noexcept {
  Publication* publication = publications_.find(handle);
  if (publication == nullptr) return;
  // The records it has are no answer to the packet id, under which the client will send the message again.
  publication->qos = mqtt::Qos::AtMostOnce;
  publication->outcome = std::max(publication->outcome, kafka::Outcome::Refused);
  if (--publication->outstanding == 0) publications_.erase(handle);
}

// ---- what other threads post ---------------------------------------------------------------------------------------

void Worker::on_reports(std::vector<kafka::Report> reports) {
  boost::asio::post(io_, [this, batch = std::move(reports)] { settle(batch); });
}

void Worker::on_room() {
  boost::asio::post(io_, [this] { resume_waiting(); });
}

bool Worker::deliver(const downlink::MessagePtr& message) {
  return fanout_.push(message);
}

void Worker::begin(std::int32_t partition, std::int64_t offset) {
  fanout_.begin(partition, offset);
}

void Worker::post(std::function<void(Worker&)> task) {
  boost::asio::post(io_, [this, run = std::move(task)] { run(*this); });
}

void Worker::post_arrival(Arrival arrival) {
  boost::asio::post(io_, [this, moved = std::move(arrival)]() mutable { adopt(std::move(moved)); });
}

void Worker::post_filter_result(Handle connection, pipeline::FilterResult result) {
  boost::asio::post(io_, [this, connection, result] {
    if (Connection* waiting = find(connection)) waiting->on_filter_result(result);
  });
}

void Worker::post_revision(Revision revision) {
  boost::asio::post(io_, [this, moved = std::move(revision)]() mutable { apply(std::move(moved)); });
}

void Worker::post_stop_reading() {
  boost::asio::post(io_, [this] {
    reading_stopped_ = true;
    listeners_.clear();
    connections_.for_each([](Handle, Cell& cell) {
      if (!cell.connection->core().was_connected()) cell.connection->end(CloseCause::Shutdown, "the daemon stops");
    });
  });
}

void Worker::post_close_all() {
  boost::asio::post(io_, [this] { close_batch(); });
}

void Worker::close_batch() {
  std::size_t closed = 0;
  connections_.for_each([&](Handle, Cell& cell) {
    if (closed == kCloseBatch) return;
    ++closed;
    cell.connection->end(CloseCause::Shutdown, "the daemon stops");
  });
  if (closed == kCloseBatch) {
    post_close_all();
  } else {
    wills_.retry();  // nobody takes them any more, which is said of each
    io_.stop();
  }
}

// ---- delivery reports ----------------------------------------------------------------------------------------------

void Worker::settle(const std::vector<kafka::Report>& reports) {
  const session::Stamp now = session::stamp(Clock::now());  // one look at the clock for all of them
  for (const kafka::Report& report : reports) {
    const Handle handle = publication_of(report.token);
    Publication* publication = publications_.find(handle);
    if (publication == nullptr) continue;
    if (report.outcome > publication->outcome) {
      publication->outcome = report.outcome;
      publication->code = report.code;
    }
    if (--publication->outstanding == 0) settle_publication(handle, *publication, now);
  }
  // One write per connection and batch, whatever the number of acknowledgements.
  const session::Stamp released_at = session::stamp(Clock::now());
  for (const Handle handle : settled_) {
    if (Connection* connection = find(handle)) connection->on_settled(released_at);
  }
  settled_.clear();
}

void Worker::settle_publication(Handle handle, Publication& publication, session::Stamp now) {
  const bool stored = publication.stored();
  note_outcome(publication, now);
  if (Connection* connection = find(publication.connection)) {
    session::Core& core = connection->core();
    stored ? core.complete(publication.sequence) : core.fail(publication.sequence);
    if (!stored) connection->note_error(publication.code);
    if (connection->note_settled()) settled_.push_back(publication.connection);
  }
  if (publication.qos == mqtt::Qos::ExactlyOnce) {
    // The exchange belongs to the session: its client may have come back on another connection meanwhile.
    session::Session* owner = publication.proxy->registry.find(publication.session);
    if (owner != nullptr && owner->unreleased.settle(publication.packet_id, stored)) {
      if (Connection* current = find(owner->connection)) {
        current->core().settle_packet_id(publication.packet_id, stored);
        if (current->note_settled()) settled_.push_back(owner->connection);
      }
    }
  }
  publications_.erase(handle);
}

void Worker::note_outcome(const Publication& publication, session::Stamp now) noexcept {
  if (!publication.stored()) return counters_.count(publication.qos, Fate::NotStored);
  const bool dead = publication.outcome == kafka::Outcome::DeadLettered;
  counters_.count(publication.qos, dead ? Fate::DeadLettered : Fate::Stored);
  counters_.stored_us.add(session::elapsed_us(publication.read_at, now));
}

void Worker::resume_waiting() {
  wills_.retry();
  const std::vector<Handle> waiting = std::exchange(waiting_for_room_, {});
  for (const Handle handle : waiting) {
    if (Connection* connection = find(handle)) connection->on_room();
  }
}

// ---- time ----------------------------------------------------------------------------------------------------------

void Worker::schedule_sweep() {
  sweep_timer_.expires_after(kSweepInterval);
  sweep_timer_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    sweep();
    schedule_sweep();
  });
}

void Worker::sweep() {
  const Clock::time_point now = Clock::now();
  if (index_ == 0) shared_.memory.look(now);
  connections_.for_each([now](Handle, Cell& cell) {
    if (now >= cell.deadline) cell.connection->on_deadline();
  });
  for (const Handle handle : std::exchange(waiting_for_time_, {})) {
    if (Connection* connection = find(handle)) connection->on_time();
  }
  if (now >= next_session_sweep_) {
    next_session_sweep_ = now + kSessionSweepInterval;
    for (ProxyRuntime& proxy : proxies_) counters_.events[Event::SessionsExpired].add(proxy.registry.expire(now));
  }
  for (Listener& listener : listeners_) {
    if (std::exchange(listener.paused, false)) await_connections(listener);
  }
  note_sessions();
  sweeps_.add();
}

void Worker::note_sessions() noexcept {
  std::size_t sessions = 0;
  std::size_t tree_bytes = 0;
  for (const ProxyRuntime& proxy : proxies_) {
    sessions += proxy.registry.size();
    tree_bytes += proxy.registry.subscriptions().tree().memory_bytes();
  }
  counters_.events[Event::Sessions].set(sessions);
  counters_.events[Event::SubscriptionBytes].set(tree_bytes);
}

}  // namespace mqttproxy::net
