#include "directory.hpp"

#include <algorithm>
#include <atomic>
#include <future>
#include <iterator>
#include <memory>
#include <utility>

#include "mqttproxy/util/ask.hpp"

#include "worker.hpp"

namespace mqttproxy::net {

namespace {

using downlink::ConnectionDetail;
using downlink::SessionDetail;
using downlink::SessionSummary;

constexpr std::chrono::seconds kPatience{5};
/// Sessions and filters of theirs, or connections, looked at before the worker does something else.
constexpr std::size_t kScannedPerTurn = 1'000;
constexpr std::size_t kRemovedPerTurn = 1'000;

/// The first filter in byte order that contains the text, nullopt when none does.
std::optional<std::string> matching_filter(const mqtt::SubscriptionTree& tree, const session::FilterSet& filters,
                                           const std::string& text) {
  std::optional<std::string> first;
  for (const mqtt::SubscriptionTree::FilterId id : filters) {
    std::string filter = tree.text(id);
    if (filter.find(text) != std::string::npos && (!first || filter < *first)) first = std::move(filter);
  }
  return first;
}

/// One worker's part of a listing of sessions.
struct SessionScan {
  using Found = SessionSummary;

  std::string proxy;
  std::optional<std::string> text;
  std::uint32_t next_slot = 0;
  std::vector<Found> found{};

  bool step(Worker& worker) {
    const ProxyRuntime* runtime = worker.proxy(proxy);
    const std::uint32_t end = runtime == nullptr ? 0 : runtime->registry.slots();
    for (std::size_t scanned = 0; next_slot < end && scanned < kScannedPerTurn; ++next_slot, ++scanned) {
      const session::Session* session = runtime->registry.session_in(next_slot);
      if (session == nullptr) continue;
      std::string filter;
      if (text) {
        auto match = matching_filter(runtime->registry.subscriptions().tree(), session->filters, *text);
        scanned += session->filters.size();
        if (!match) continue;
        filter = std::move(*match);
      }
      found.push_back({session->client_id, std::move(filter), session->connection.valid()});
    }
    return next_slot < end;
  }
};

/// … and of connections.
struct ConnectionScan {
  using Found = ConnectionDetail;

  std::string proxy;
  std::string text;
  std::size_t limit = 0;
  std::uint32_t next_slot = 0;
  std::vector<Found> found{};

  bool step(Worker& worker) {
    const ProxyRuntime* runtime = worker.proxy(proxy);
    const std::uint32_t end = std::min(worker.connection_slots(), next_slot + std::uint32_t{kScannedPerTurn});
    for (; next_slot < end && found.size() < limit; ++next_slot) {
      const Connection* connection = worker.connection_in(next_slot);
      if (connection != nullptr && &connection->proxy() == runtime && matches(*connection)) {
        found.push_back(connection->describe());
      }
    }
    return found.size() < limit && next_slot < worker.connection_slots();
  }

 private:
  [[nodiscard]] bool matches(const Connection& connection) const {
    const session::Core& core = connection.core();
    const auto contains = [this](std::string_view whole) { return whole.find(text) != std::string_view::npos; };
    return core.state() == session::Core::State::Connected &&
           (contains(core.client_id()) || contains(core.username().value_or(std::string_view())) ||
            contains(connection.address()));
  }
};

template <class Part>
struct Scan {
  explicit Scan(Part todo) : part(std::move(todo)) {}

  Part part;
  std::promise<std::vector<typename Part::Found>> done{};
  std::atomic<bool> abandoned{false};
};

template <class Part>
void scan_some(Worker& worker, const std::shared_ptr<Scan<Part>>& scan) {
  if (scan->abandoned.load(std::memory_order_relaxed)) return;
  if (scan->part.step(worker)) {
    worker.post([scan](Worker& again) { scan_some(again, scan); });
  } else {
    scan->done.set_value(std::move(scan->part.found));
  }
}

SessionDetail describe(Worker& worker, ProxyRuntime& proxy, session::Handle handle, const session::Session& session) {
  SessionDetail detail;
  detail.client_id = session.client_id;
  detail.clean_session = session.clean_session;
  if (const Connection* connection = worker.find(session.connection)) {
    detail.connected = true;
    detail.address = connection->address();
    if (const auto username = connection->core().username()) detail.username = std::string(*username);
    detail.keep_alive = connection->core().keep_alive();
    detail.connected_since = session.connected_at;
  } else {
    detail.expires_at = std::chrono::system_clock::now() +
                        std::chrono::duration_cast<std::chrono::seconds>(session.expires_at - Worker::Clock::now());
  }
  for (auto& [filter, granted] : proxy.registry.subscriptions().list(handle.slot, session.filters)) {
    detail.filters.push_back({std::move(filter), granted});
  }
  if (session.outbox) {
    detail.inflight = session.outbox->inflight();
    detail.queued = session.outbox->queued();
    detail.queued_bytes = session.outbox->queued_bytes();
  }
  return detail;
}

}  // namespace

template <class Part>
std::optional<std::vector<typename Part::Found>> Directory::gather(const Part& part) {
  // By the system's clock: ThreadSanitizer does not know the call by which a duration would be waited for.
  const std::unique_lock lock(listing_, std::chrono::system_clock::now() + kPatience);
  if (!lock) return std::nullopt;
  std::vector<std::pair<std::shared_ptr<Scan<Part>>, std::future<std::vector<typename Part::Found>>>> scans;
  for (Worker* worker : workers_) {
    auto scan = std::make_shared<Scan<Part>>(part);
    scans.emplace_back(scan, scan->done.get_future());
    worker->post([scan = std::move(scan)](Worker& asked) { scan_some(asked, scan); });
  }
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  std::vector<typename Part::Found> all;
  bool complete = true;
  for (auto& [scan, answer] : scans) {
    if (answer.wait_until(deadline) != std::future_status::ready) {
      scan->abandoned.store(true, std::memory_order_relaxed);
      complete = false;
      continue;
    }
    std::ranges::move(answer.get(), std::back_inserter(all));
  }
  return complete ? std::optional(std::move(all)) : std::nullopt;
}

std::optional<std::vector<SessionSummary>> Directory::list(std::string_view proxy,
                                                           std::optional<std::string_view> text) {
  auto sessions = gather(SessionScan{std::string(proxy), text ? std::optional(std::string(*text)) : std::nullopt});
  if (!sessions) return std::nullopt;
  std::ranges::sort(*sessions, {}, &SessionSummary::client_id);
  // A client that came back between two turns has a new session, and may have been seen in both.
  const auto same = [](const SessionSummary& a, const SessionSummary& b) { return a.client_id == b.client_id; };
  sessions->erase(std::unique(sessions->begin(), sessions->end(), same), sessions->end());
  for (SessionSummary& session : *sessions) session.node = node_;
  return sessions;
}

std::optional<downlink::ConnectionPage> Directory::connections(std::string_view proxy, std::string_view text,
                                                               std::size_t limit) {
  auto found = gather(ConnectionScan{std::string(proxy), std::string(text), limit + 1});
  if (!found) return std::nullopt;
  std::ranges::sort(*found, {}, &ConnectionDetail::client_id);
  const auto same = [](const ConnectionDetail& a, const ConnectionDetail& b) { return a.client_id == b.client_id; };
  found->erase(std::unique(found->begin(), found->end(), same), found->end());  // as above
  const bool more = found->size() > limit;
  if (more) found->resize(limit);
  return downlink::ConnectionPage{std::move(*found), more};
}

std::optional<Directory::Found> Directory::find(std::string_view proxy, std::string_view client_id) {
  Worker& home = *workers_[workers_.front()->home_of(client_id)];
  auto found = util::ask<Found>(
      home, kPatience, [proxy = std::string(proxy), client_id = std::string(client_id)](Worker& worker) {
        ProxyRuntime* runtime = worker.proxy(proxy);
        if (runtime == nullptr) return Found{};
        const session::Handle handle = runtime->registry.find(client_id);
        const session::Session* session = runtime->registry.find(handle);
        return session == nullptr ? Found{} : Found{describe(worker, *runtime, handle, *session)};
      });
  if (found && found->session) found->session->node = node_;
  return found;
}

std::optional<std::size_t> Directory::remove(std::string_view proxy, std::vector<std::string> client_ids) {
  std::vector<std::vector<std::string>> by_home(workers_.size());
  for (std::string& client_id : client_ids) {
    const unsigned home = workers_.front()->home_of(client_id);
    by_home[home].push_back(std::move(client_id));
  }
  std::size_t removed = 0;
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    for (std::vector<std::string>& ids = by_home[i]; !ids.empty();) {
      const auto last = ids.end() - static_cast<std::ptrdiff_t>(std::min(ids.size(), kRemovedPerTurn));
      std::vector<std::string> some(std::make_move_iterator(last), std::make_move_iterator(ids.end()));
      ids.erase(last, ids.end());
      const auto count = util::ask<std::size_t>(
          *workers_[i], kPatience, [proxy = std::string(proxy), some = std::move(some)](Worker& worker) {
            ProxyRuntime* runtime = worker.proxy(proxy);
            std::size_t gone = 0;
            for (const std::string& id : some) {
              gone += runtime != nullptr && worker.remove_session(*runtime, id) ? 1U : 0U;
            }
            return gone;
          });
      if (!count) return std::nullopt;
      removed += *count;
    }
  }
  return removed;
}

}  // namespace mqttproxy::net
