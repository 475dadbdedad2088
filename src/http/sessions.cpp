#include "sessions.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "json.hpp"
#include "letters.hpp"

namespace mqttproxy::http {

namespace {

constexpr std::uint64_t kMaxPage = 1'000'000'000;

/// 1 to kMaxPage in decimal digits, given exactly once.
std::optional<std::uint64_t> page_number(const Params& params, const std::string& name) {
  if (params.count(name) != 1) return std::nullopt;
  const std::string& text = params.find(name)->second;
  std::uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc{} || stop != end || number == 0 || number > kMaxPage) return std::nullopt;
  return number;
}

std::span<const downlink::SessionSummary> cut(const std::vector<downlink::SessionSummary>& all, std::uint64_t page,
                                              std::uint64_t page_size) {
  const std::uint64_t first = std::min<std::uint64_t>((page - 1) * page_size, all.size());
  return std::span(all).subspan(first, std::min<std::uint64_t>(page_size, all.size() - first));
}

/// The value under `name`, whatever its letter case; nullptr when there is none, or null. The last one wins.
const nlohmann::json* member(const nlohmann::json& object, std::string_view name) {
  const nlohmann::json* found = nullptr;
  for (const auto& [key, value] : object.items()) {
    if (same_letters(key, name) && !value.is_null()) found = &value;
  }
  return found;
}

/// nullopt: not of the form that delete_sessions() takes.
std::optional<std::vector<std::string>> session_ids(const nlohmann::json& body) {
  if (!body.is_object()) return std::nullopt;
  std::vector<std::string> ids;
  const nlohmann::json* const sessions = member(body, "sessions");
  if (sessions == nullptr) return ids;
  if (!sessions->is_array()) return std::nullopt;
  ids.reserve(sessions->size());
  for (const nlohmann::json& session : *sessions) {
    if (!session.is_object()) return std::nullopt;
    const nlohmann::json* const id = member(session, "sessionID");
    if (id == nullptr) continue;
    if (!id->is_string()) return std::nullopt;
    ids.push_back(id->get<std::string>());
  }
  return ids;
}

}  // namespace

Answer query_sessions(downlink::SessionDirectory& sessions, std::string_view proxy, const Params* params) {
  std::uint64_t page = 1;
  std::uint64_t page_size = kMaxPage;
  std::optional<std::string_view> text;
  if (params != nullptr) {
    if (!params->contains("page") || !params->contains("page_size")) {
      return error_answer(400, "a query needs both page and page_size");
    }
    const auto given_page = page_number(*params, "page");
    if (!given_page) return error_answer(400, "page must be a number from 1 to 1000000000");
    const auto given_size = page_number(*params, "page_size");
    if (!given_size) return error_answer(400, "page_size must be a number from 1 to 1000000000");
    page = *given_page;
    page_size = *given_size;
    const auto q = params->find("q");
    if (q != params->end() && !q->second.empty()) text = q->second;
  }
  const auto found = sessions.list(proxy, text);
  if (!found) return unavailable();
  Json list;  // null when nothing is found, as published
  for (const downlink::SessionSummary& session : cut(*found, page, page_size)) {
    list.push_back({{"sessionID", session.client_id},
                    {"topic", session.filter},
                    {"connected", session.connected},
                    {"node", session.node}});
  }
  Answer answer{.body = dump({{"sessions", std::move(list)}})};
  answer.headers.emplace_back("X-Total-Count", std::to_string(found->size()));
  return answer;
}

Answer describe_session(downlink::SessionDirectory& sessions, std::string_view proxy, std::string_view client_id) {
  const auto found = sessions.find(proxy, client_id);
  if (!found) return unavailable();
  if (!found->session) return error_answer(404, "no session has this client id");
  const downlink::SessionDetail& session = *found->session;
  Json subscriptions = Json::array();
  for (const downlink::SessionFilter& filter : session.filters) {
    subscriptions.push_back({{"filter", filter.filter}, {"qos", static_cast<int>(filter.granted)}});
  }
  const bool connected = session.connected;
  return {.body = dump({{"sessionID", session.client_id},
                        {"node", session.node},
                        {"connected", connected},
                        {"cleanSession", session.clean_session},
                        {"address", connected ? Json(session.address) : Json()},
                        {"username", connected && session.username ? Json(*session.username) : Json()},
                        {"keepAlive", connected ? Json(session.keep_alive) : Json()},
                        {"connectedSince", connected ? Json(timestamp(session.connected_since)) : Json()},
                        {"expiresAt", connected ? Json() : Json(timestamp(session.expires_at))},
                        {"subscriptions", std::move(subscriptions)},
                        {"inflight", session.inflight},
                        {"queued", session.queued},
                        {"queuedBytes", session.queued_bytes}})};
}

Answer delete_sessions(downlink::SessionDirectory& sessions, std::string_view proxy, std::string_view body) {
  auto ids = session_ids(nlohmann::json::parse(body, nullptr, false));
  if (!ids) return error_answer(400, R"(the body must be {"sessions":[{"sessionID":"CLIENT ID"}]})");
  if (!ids->empty() && !sessions.remove(proxy, std::move(*ids))) return unavailable();
  return {};
}

}  // namespace mqttproxy::http
