#include "connections.hpp"

#include <charconv>
#include <cstddef>

#include "json.hpp"

namespace mqttproxy::http {

namespace {

constexpr std::size_t kDefaultLimit = 100;
constexpr std::size_t kMaxLimit = 1'000;

/// nullopt: not what it may be.
std::optional<std::size_t> read_limit(const Params& params) {
  const auto given = params.find("limit");
  if (given == params.end()) return kDefaultLimit;
  const std::string& text = given->second;
  std::size_t limit = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, limit);
  if (error != std::errc{} || stop != end || limit == 0 || limit > kMaxLimit) return std::nullopt;
  return limit;
}

Json to_json(const downlink::ConnectionDetail& connection) {
  return {{"clientID", connection.client_id},
          {"username", connection.username ? Json(*connection.username) : Json()},
          {"address", connection.address},
          {"listener", connection.listener},
          {"tls", connection.tls.empty() ? Json() : Json(connection.tls)},
          {"connectedSince", timestamp(connection.since)},
          {"keepAlive", connection.keep_alive},
          {"cleanSession", connection.clean_session},
          {"packetsIn", connection.packets_in},
          {"packetsOut", connection.packets_out},
          {"bytesIn", connection.bytes_in},
          {"bytesOut", connection.bytes_out},
          {"unacked", connection.unacked},
          {"inflight", connection.inflight},
          {"queued", connection.queued},
          {"subscriptions", connection.subscriptions},
          {"parked", connection.parked}};
}

}  // namespace

Answer list_connections(downlink::SessionDirectory& sessions, std::string_view proxy, const Params& params) {
  for (const auto& [name, value] : params) {
    if ((name != "q" && name != "limit") || params.count(name) != 1) {
      return error_answer(400, "a query may hold q and limit, each once");
    }
  }
  const auto limit = read_limit(params);
  if (!limit) return error_answer(400, "limit must be a number from 1 to 1000");
  const auto q = params.find("q");
  const auto page = sessions.connections(proxy, q == params.end() ? std::string_view() : q->second, *limit);
  if (!page) return unavailable();
  Json list = Json::array();
  for (const downlink::ConnectionDetail& connection : page->connections) list.push_back(to_json(connection));
  return {.body = dump({{"connections", std::move(list)}, {"more", page->more}})};
}

}  // namespace mqttproxy::http
