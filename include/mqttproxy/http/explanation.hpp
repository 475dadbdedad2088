// What would become of a PUBLISH: the question and the answer, for the API and the command line.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace mqttproxy::http {

struct Question {
  std::string proxy;  // name of the MQTTProxy; empty: the only one
  std::string topic;
  std::string client_id = "explain";
  std::optional<std::string> username{};
  std::string payload{};
  int qos = 1;
  bool retain = false;
};

struct Explanation {
  /// What a filter has decided, and why.
  struct Step {
    std::string filter;
    std::string text;
  };
  struct Record {
    std::string filter;
    std::string topic;
    std::optional<std::string> key;
    std::string partition;  // "2 of 4", "any of 4", "unknown: …"
    std::vector<std::pair<std::string, std::string>> headers;
    std::size_t payload_bytes = 0;
  };
  enum class Outcome : std::uint8_t { Stored, Dropped, Refused };

  std::string problem{};  // not empty: the question is wrong, and nothing else is set
  std::string pipeline{};
  std::vector<Step> steps{};
  std::vector<Record> records{};
  Outcome outcome = Outcome::Refused;
  std::string text{};  // of the outcome
};

}  // namespace mqttproxy::http
