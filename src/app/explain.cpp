#include <iostream>

#include "mqttproxy/util/text.hpp"

#include "assembly.hpp"
#include "commands.hpp"
#include "exit_code.hpp"
#include "explainer.hpp"

namespace mqttproxy::app {

namespace {

void print(const http::Explanation::Record& record) {
  std::cout << "record to filter " << record.filter << "\n  topic:   " << record.topic
            << "\n  key:     " << (record.key ? '"' + util::printable(*record.key) + '"' : "none")
            << "\n  partition: " << record.partition << '\n';
  for (const auto& [name, value] : record.headers) {
    std::cout << "  header:  " << name << "=" << util::printable(value) << '\n';
  }
  std::cout << "  payload: " << record.payload_bytes << " bytes\n";
}

}  // namespace

int explain(const ExplainOptions& options) {
  auto config = load_and_validate(options.config);
  if (!config) return kExitUsage;
  const auto shared = std::make_shared<const config::Config>(std::move(*config));
  const http::Question& question = options.question;
  const http::Explanation explanation = Explainer(shared, question).explain();
  if (!explanation.problem.empty()) {
    std::cerr << "mqttproxy explain: --" << explanation.problem << '\n';
    return kExitUsage;
  }
  std::cout << "PUBLISH " << question.topic << " from client " << util::printable(question.client_id) << " on "
            << (question.proxy.empty() ? shared->proxies.front().name : question.proxy) << ", pipeline "
            << explanation.pipeline << '\n';
  for (const auto& [filter, text] : explanation.steps) std::cout << filter << ": " << text << '\n';
  for (const http::Explanation::Record& record : explanation.records) print(record);
  std::cout << explanation.text << '\n';
  return kExitOk;
}

}  // namespace mqttproxy::app
