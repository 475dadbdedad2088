#include "directory.hpp"

#include <algorithm>
#include <future>
#include <iterator>
#include <memory>
#include <thread>
#include <unordered_set>
#include <utility>

#include "mqttproxy/util/ask.hpp"

#include "cluster_impl.hpp"
#include "packed.hpp"

namespace mqttproxy::cluster {

namespace {

using downlink::SessionDetail;
using downlink::SessionSummary;

constexpr std::chrono::seconds kPatience{5};
constexpr std::chrono::milliseconds kLookAgain{10};

bool exists(const Entry& entry) noexcept {
  return entry.online || entry.session;
}

/// The first filter in byte order that contains the text, nullopt when none does. They are stored in byte order.
std::optional<std::string> matching_filter(const Entry& entry, const std::string& text) {
  for (Filter& filter : unpack_filters(entry.filters)) {
    if (filter.text.find(text) != std::string::npos) return std::move(filter.text);
  }
  return std::nullopt;
}

std::vector<SessionSummary> list_partition(ClusterImpl& cluster, std::size_t number, const std::string& proxy,
                                           const std::optional<std::string>& text) {
  std::vector<SessionSummary> found;
  for (const auto& [name, entry] : cluster.partition(number).view().entries()) {
    const ClientName client = split_client_name(name);
    if (!exists(entry) || client.proxy != proxy) continue;
    std::string filter;
    if (text) {
      auto match = matching_filter(entry, *text);
      if (!match) continue;
      filter = std::move(*match);
    }
    found.push_back({std::string(client.client_id), std::move(filter), entry.online,
                     std::string(node_of(cluster.incarnations().name(entry.incarnation)))});
  }
  return found;
}

SessionDetail describe(ClusterImpl& cluster, const Partition& partition, const std::string& name, const Entry& entry) {
  SessionDetail detail;
  detail.client_id = split_client_name(name).client_id;
  detail.node = node_of(cluster.incarnations().name(entry.incarnation));
  detail.clean_session = entry.clean;
  detail.connected = entry.online;
  (entry.online ? detail.connected_since : detail.expires_at) =
      entry.online ? entry.since : entry.since + std::chrono::seconds(entry.expiry_seconds);
  const Cut cut = partition.view().cut(name, entry);
  for (const Filter& filter : cut.filters) detail.filters.push_back({filter.text, filter.granted});
  detail.queued = cut.references.size();
  return detail;
}

}  // namespace

std::optional<std::vector<SessionSummary>> ClusterDirectory::list(std::string_view proxy,
                                                                  std::optional<std::string_view> text) {
  // Those served here come from their workers, who know the filters of clean sessions too.
  auto sessions = local_.list(proxy, text);
  const auto partitions =
      util::ask<std::size_t>(cluster_, kPatience, [](ClusterImpl& cluster) { return cluster.partitions(); });
  if (!sessions || !partitions) return std::nullopt;
  // What a worker keeps of a client that has left is no session.
  std::erase_if(*sessions, [](const SessionSummary& session) { return !session.connected; });
  std::unordered_set<std::string> known;
  for (const SessionSummary& session : *sessions) known.insert(session.client_id);
  for (std::size_t i = 0; i < *partitions; ++i) {  // one at a time, so that other things have their turn
    auto found = util::ask<std::vector<SessionSummary>>(
        cluster_, kPatience,
        [i, name = std::string(proxy), wanted = text ? std::optional(std::string(*text)) : std::nullopt](
            ClusterImpl& cluster) { return list_partition(cluster, i, name, wanted); });
    if (!found) return std::nullopt;
    std::copy_if(std::make_move_iterator(found->begin()), std::make_move_iterator(found->end()),
                 std::back_inserter(*sessions),
                 [&known](const SessionSummary& session) { return !known.contains(session.client_id); });
  }
  std::ranges::sort(*sessions, {}, &SessionSummary::client_id);
  return sessions;
}

std::optional<ClusterDirectory::Found> ClusterDirectory::find(std::string_view proxy, std::string_view client_id) {
  auto here = local_.find(proxy, client_id);
  if (!here || (here->session && here->session->connected)) return here;
  return util::ask<Found>(cluster_, kPatience, [name = client_name(proxy, client_id)](ClusterImpl& cluster) -> Found {
    const Partition* partition = cluster.partition_of(name);
    const Entry* entry = partition == nullptr ? nullptr : partition->view().find(name);
    if (entry == nullptr || !exists(*entry)) return {};
    return {describe(cluster, *partition, name, *entry)};
  });
}

std::optional<std::size_t> ClusterDirectory::remove(std::string_view proxy, std::vector<std::string> client_ids) {
  std::vector<std::string> names;
  names.reserve(client_ids.size());
  for (const std::string& client_id : client_ids) names.push_back(client_name(proxy, client_id));
  const auto shared = util::ask<std::vector<std::string>>(cluster_, kPatience, [names](ClusterImpl& cluster) {
    std::vector<std::string> removed;
    for (const std::string& name : names) {
      Partition* partition = cluster.partition_of(name);
      const Entry* entry = partition == nullptr ? nullptr : partition->view().find(name);
      if (entry == nullptr || !exists(*entry)) continue;
      partition->remove(name, std::chrono::steady_clock::now());
      removed.push_back(name);
    }
    return removed;
  });
  if (!shared) return std::nullopt;
  // Client ids that were made up here are known here only.
  const std::unordered_set<std::string> handled(shared->begin(), shared->end());
  std::erase_if(client_ids,
                [&](const std::string& client_id) { return handled.contains(client_name(proxy, client_id)); });
  std::size_t count = shared->size();
  if (!client_ids.empty()) {
    const auto here = local_.remove(proxy, std::move(client_ids));
    if (!here) return std::nullopt;
    count += *here;
  }
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (std::chrono::steady_clock::now() < deadline) {
    const auto gone = util::ask<bool>(cluster_, kPatience, [names = *shared](ClusterImpl& cluster) {
      return std::ranges::none_of(names, [&cluster](const std::string& name) {
        Partition* partition = cluster.partition_of(name);
        return partition != nullptr && partition->removing(name);
      });
    });
    if (!gone) return std::nullopt;
    if (*gone) return count;
    std::this_thread::sleep_for(kLookAgain);
  }
  return std::nullopt;
}

std::unique_ptr<downlink::SessionDirectory> ClusterImpl::directory(downlink::SessionDirectory& local) {
  return std::make_unique<ClusterDirectory>(*this, local);
}

}  // namespace mqttproxy::cluster
