#include "api.hpp"

#include <algorithm>

#include <openssl/crypto.h>

#include "connections.hpp"
#include "explain.hpp"
#include "json.hpp"
#include "letters.hpp"
#include "page.hpp"
#include "publish_body.hpp"
#include "sessions.hpp"
#include "status.hpp"
#include "web_page.hpp"

namespace mqttproxy::http {

namespace {

/// The method of a route, with what goes without saying beside it. Also the value of Allow.
std::string_view allowed(Route route) noexcept {
  switch (route) {
    case Route::Publish:
    case Route::Reload:
    case Route::Explain:
      return "POST";
    case Route::Sessions:
      return "DELETE";
    default:
      return "GET, HEAD";
  }
}

bool is_allowed(std::string_view method, Route route) noexcept {
  return method == allowed(route) || (allowed(route) == "GET, HEAD" && (method == "GET" || method == "HEAD"));
}

/// "Bearer TOKEN", compared in constant time.
bool is_authorised(const std::string& token, std::string_view authorization) {
  static constexpr std::string_view kScheme = "Bearer ";
  if (token.empty()) return true;
  if (authorization.size() != kScheme.size() + token.size() ||
      !same_letters(authorization.substr(0, kScheme.size()), kScheme)) {
    return false;
  }
  return CRYPTO_memcmp(authorization.data() + kScheme.size(), token.data(), token.size()) == 0;
}

Json to_json(const std::vector<config::Problem>& problems) {
  auto list = Json::array();
  for (const config::Problem& problem : problems) {
    list.push_back(
        {{"line", problem.mark.line}, {"column", problem.mark.column}, {"path", problem.path}, {"text", problem.text}});
  }
  return list;
}

Answer not_accepted(const downlink::PublishResult& result) {
  const Json error{{"code", 503}, {"message", result.reason}, {"accepted", result.accepted}};
  return {503, dump(error)};
}

}  // namespace

Answer error_answer(int status, std::string_view message) {
  const Json body{{"code", status}, {"message", message}};
  return {status, dump(body)};
}

Answer unavailable() {
  return error_answer(503, "the workers did not answer in time");
}

Api::Api(const CurrentSettings& settings, const metrics::Registry& metrics, Readiness readiness, Backends backends,
         Counters& counters)
    : settings_(settings),
      metrics_(metrics),
      readiness_(std::move(readiness)),
      backends_(std::move(backends)),
      counters_(counters) {}

std::size_t Api::max_body_bytes(const Request& request) const {
  const Target target = parse_target(request.target);
  const bool takes_body =
      target.route == Route::Publish || target.route == Route::Sessions || target.route == Route::Explain;
  const auto settings = settings_.get();
  return takes_body && !refuse(request, target, settings->config) ? settings->config.max_body_bytes : 0;
}

Answer Api::answer(const Request& request, const Params& params, std::string_view body) const {
  const Target target = parse_target(request.target);
  auto refusal = refuse(request, target, settings_.get()->config);
  Answer answer = refusal ? std::move(*refusal) : dispatch(request, target, params, body);
  counters_.request(target.route, answer.status);
  return answer;
}

std::optional<Answer> Api::refuse(const Request& request, const Target& target, const config::ApiConfig& config) const {
  // Nothing of ours is in these; what the page shows it asks for.
  const bool is_open = target.route == Route::Healthz || target.route == Route::Readyz || target.route == Route::Page;
  if (!is_open) {
    if (!is_authorised(config.token, request.authorization)) {
      Answer answer = error_answer(401, "the header \"Authorization: Bearer TOKEN\" is missing or wrong");
      answer.headers.emplace_back("WWW-Authenticate", "Bearer");
      return answer;
    }
    if (config.token.empty()) {
      const std::string_view problem = web_page_problem(request.host, request.origin, config);
      if (!problem.empty()) return error_answer(403, problem);
    }
  }
  if (target.route == Route::Unknown) return error_answer(404, "no such resource");
  const auto& proxies = backends_.proxies;
  if (target.route >= Route::Publish && std::ranges::find(proxies, target.proxy) == proxies.end()) {
    return error_answer(404, "no MQTTProxy has this name");
  }
  if (is_allowed(request.method, target.route)) return std::nullopt;
  const std::string methods(allowed(target.route));
  Answer answer = error_answer(400, "wrong method; allowed here: " + methods);
  answer.headers.emplace_back("Allow", methods);
  return answer;
}

Answer Api::dispatch(const Request& request, const Target& target, const Params& params, std::string_view body) const {
  switch (target.route) {
    case Route::Healthz:
      return healthz();
    case Route::Readyz:
      return readyz();
    case Route::Metrics:
      return {.body = metrics_.serialize(), .content_type = "text/plain; version=0.0.4; charset=utf-8"};
    case Route::Page:
      return page();
    case Route::Proxies:
      return describe_proxies(*backends_.config());
    case Route::Errors:
      return list_errors(*backends_.recent_log);
    case Route::Publish:
      return publish(target, body);
    case Route::Reload:
      return reload();
    case Route::SessionQuery: {
      const std::size_t query = request.target.find('?');
      const bool has_query = query != std::string_view::npos && query + 1 != request.target.size();
      return query_sessions(backends_.sessions, target.proxy, has_query ? &params : nullptr);
    }
    case Route::Session:
      return describe_session(backends_.sessions, target.proxy, target.client_id);
    case Route::Sessions:
      return delete_sessions(backends_.sessions, target.proxy, body);
    case Route::Connections:
      return list_connections(backends_.sessions, target.proxy, params);
    case Route::Explain:
      return explain(backends_.explain, target.proxy, body);
    case Route::Unknown:
    case Route::Count_:
      break;
  }
  return error_answer(404, "no such resource");
}

Answer Api::healthz() const {
  const std::string reason = backends_.reason_not_alive ? backends_.reason_not_alive() : std::string();
  if (reason.empty()) return {.body = R"({"alive":true})"};
  return {503, dump({{"alive", false}, {"reasons", {reason}}})};
}

Answer Api::readyz() const {
  const std::vector<std::string> reasons = readiness_();
  const Json body{{"ready", reasons.empty()}, {"reasons", reasons}};
  return {reasons.empty() ? 200 : 503, dump(body)};
}

Answer Api::reload() const {
  const auto diagnostics = backends_.reload();
  if (!diagnostics) return error_answer(503, "the daemon is stopping");
  if (diagnostics->ok()) return {.body = dump({{"reloaded", true}, {"warnings", to_json(diagnostics->warnings())}})};
  return {422, dump({{"code", 422},
                     {"message", "the configuration is refused, the one in use stays"},
                     {"errors", to_json(diagnostics->errors())}})};
}

Answer Api::publish(const Target& target, std::string_view body) const {
  if (backends_.memory_full && backends_.memory_full()) {
    counters_.no_memory();
    return not_accepted({0, "memory is above limits.maxMemory"});
  }
  PublishBody parsed = parse_publish_body(body, target.proxy, settings_.get()->topics);
  if (!parsed.error.empty()) return error_answer(400, parsed.error);
  std::vector<std::size_t> sizes;
  sizes.reserve(parsed.messages.size());
  for (const downlink::Message& message : parsed.messages) sizes.push_back(message.payload.size());
  const downlink::PublishResult result = backends_.bus.publish(std::move(parsed.messages));
  counters_.published(sizes, result.accepted);
  return result.reason.empty() ? Answer{} : not_accepted(result);
}

}  // namespace mqttproxy::http
