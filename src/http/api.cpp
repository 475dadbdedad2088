#include "api.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>
#include <openssl/crypto.h>

#include "letters.hpp"
#include "publish_body.hpp"
#include "sessions.hpp"

namespace mqttproxy::http {

namespace {

/// The method of a route, with what goes without saying beside it. Also the value of Allow.
std::string_view allowed(Route route) noexcept {
  switch (route) {
    case Route::Publish:
    case Route::Reload:
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

nlohmann::ordered_json to_json(const std::vector<config::Problem>& problems) {
  auto list = nlohmann::ordered_json::array();
  for (const config::Problem& problem : problems) {
    list.push_back(
        {{"line", problem.mark.line}, {"column", problem.mark.column}, {"path", problem.path}, {"text", problem.text}});
  }
  return list;
}

std::string dump(const nlohmann::ordered_json& body) {
  return body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Answer not_accepted(const downlink::PublishResult& result) {
  const nlohmann::ordered_json error{{"code", 503}, {"message", result.reason}, {"accepted", result.accepted}};
  return {503, error.dump()};
}

}  // namespace

Answer error_answer(int status, std::string_view message) {
  const nlohmann::ordered_json body{{"code", status}, {"message", message}};
  return {status, dump(body)};
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
  const bool takes_body = target.route == Route::Publish || target.route == Route::Sessions;
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
  if (target.route != Route::Healthz && target.route != Route::Readyz) {
    if (!is_authorised(config.token, request.authorization)) {
      Answer answer = error_answer(401, "the header \"Authorization: Bearer TOKEN\" is missing or wrong");
      answer.headers.emplace_back("WWW-Authenticate", "Bearer");
      return answer;
    }
    // A browser asks nobody before it posts a web page's text to any address, 127.0.0.1 included.
    if (request.has_origin && config.token.empty()) {
      return error_answer(403, "requests of web pages (with the header Origin) are refused without api.token");
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
    case Route::Unknown:
    case Route::Count_:
      break;
  }
  return error_answer(404, "no such resource");
}

Answer Api::healthz() const {
  const std::string reason = backends_.reason_not_alive ? backends_.reason_not_alive() : std::string();
  if (reason.empty()) return {.body = R"({"alive":true})"};
  return {503, nlohmann::ordered_json{{"alive", false}, {"reasons", {reason}}}.dump()};
}

Answer Api::readyz() const {
  const std::vector<std::string> reasons = readiness_();
  const nlohmann::ordered_json body{{"ready", reasons.empty()}, {"reasons", reasons}};
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
