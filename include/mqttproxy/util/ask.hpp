// A question to a thread that takes posted work, from one that may wait for the answer.
#pragma once

#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <utility>

namespace mqttproxy::util {

/// Posts `question(Asked&)` with `asked.post(…)` and waits for what it returns; nullopt when that takes longer than
/// `patience`. Not for the thread that is asked.
template <class Answer, class Asked, class Question>
std::optional<Answer> ask(Asked& asked, std::chrono::milliseconds patience, Question question) {
  const auto promise = std::make_shared<std::promise<Answer>>();
  std::future<Answer> answer = promise->get_future();
  asked.post([promise, question = std::move(question)](Asked& there) { promise->set_value(question(there)); });
  if (answer.wait_for(patience) != std::future_status::ready) return std::nullopt;
  return answer.get();
}

}  // namespace mqttproxy::util
