#include "explain.hpp"

#include <array>

#include "json.hpp"

namespace mqttproxy::http {

namespace {

constexpr std::array<std::string_view, 3> kOutcomes = {"stored", "dropped", "refused"};

/// Reads the fields of a question; says what is wrong with the first that is wrong.
class Reader {
 public:
  explicit Reader(const nlohmann::json& body) : body_(body) {}

  void text(const char* name, std::string& to) {
    if (const nlohmann::json* value = find(name, "a string", &nlohmann::json::is_string)) to = *value;
  }
  void text(const char* name, std::optional<std::string>& to) {
    if (const nlohmann::json* value = find(name, "a string", &nlohmann::json::is_string))
      to = value->get<std::string>();
  }
  void flag(const char* name, bool& to) {
    if (const nlohmann::json* value = find(name, "true or false", &nlohmann::json::is_boolean)) to = *value;
  }
  void qos(const char* name, int& to) {
    const nlohmann::json* value = find(name, "0, 1 or 2", &nlohmann::json::is_number_unsigned);
    if (value == nullptr) return;
    if (*value > 2U) return fail(name, "0, 1 or 2");
    to = *value;
  }
  [[nodiscard]] const std::string& problem() const noexcept { return problem_; }

 private:
  using Check = bool (nlohmann::json::*)() const noexcept;

  const nlohmann::json* find(const char* name, std::string_view what, Check is_right) {
    const auto it = body_.find(name);
    if (it == body_.end() || it->is_null()) return nullptr;
    if ((*it.*is_right)()) return &*it;
    fail(name, what);
    return nullptr;
  }
  void fail(const char* name, std::string_view what) {
    if (problem_.empty()) problem_ = std::string(name) + ": must be " + std::string(what);
  }

  const nlohmann::json& body_;
  std::string problem_;
};

Json to_json(const Explanation::Record& record) {
  Json headers = Json::array();
  for (const auto& [name, value] : record.headers) headers.push_back({{"name", name}, {"value", value}});
  return {{"filter", record.filter},
          {"topic", record.topic},
          {"key", record.key ? Json(*record.key) : Json()},
          {"partition", record.partition},
          {"headers", std::move(headers)},
          {"payloadBytes", record.payload_bytes}};
}

}  // namespace

Answer explain(const ExplainAction& action, std::string_view proxy, std::string_view body) {
  const auto document = nlohmann::json::parse(body, nullptr, false);
  if (!document.is_object()) return error_answer(400, R"(the body must be {"topic":"MQTT TOPIC NAME"})");
  Question question;
  question.proxy = proxy;
  Reader reader(document);
  reader.text("topic", question.topic);
  reader.text("clientID", question.client_id);
  reader.text("username", question.username);
  reader.text("payload", question.payload);
  reader.qos("qos", question.qos);
  reader.flag("retain", question.retain);
  if (!reader.problem().empty()) return error_answer(400, reader.problem());

  const std::optional<Explanation> found = action(question);
  if (!found) return error_answer(503, "others are being answered, or the daemon is stopping");
  if (!found->problem.empty()) return error_answer(400, found->problem);
  Json steps = Json::array();
  for (const auto& [filter, text] : found->steps) steps.push_back({{"filter", filter}, {"text", text}});
  Json records = Json::array();
  for (const Explanation::Record& record : found->records) records.push_back(to_json(record));
  return {.body = dump({{"pipeline", found->pipeline},
                        {"steps", std::move(steps)},
                        {"records", std::move(records)},
                        {"outcome", kOutcomes[static_cast<std::size_t>(found->outcome)]},
                        {"text", found->text}})};
}

}  // namespace mqttproxy::http
