// A TopicMapper's configuration, read and checked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mqttproxy/config/value.hpp"

#include "expression.hpp"

namespace mqttproxy::filters {

/// What becomes of a message that no route, policy or topic fits.
enum class OnNoMatch : std::uint8_t {
  Default,     // goes on unmapped: the Kafka filter takes its topic.default
  DeadLetter,  // goes on to the dead-letter topic
  Drop,        // acknowledged, stored nowhere, counted
  Disconnect,  // not acknowledged, the connection ends
};

/// As in the configuration: "deadLetter".
[[nodiscard]] std::string_view to_string(OnNoMatch value) noexcept;

struct TopicMapperOptions {
  struct KafkaTopic {
    std::string name;
    std::vector<Expression> expressions;  // any of them, found in the level topic_index
  };
  struct Policy {
    std::string name;
    std::size_t topic_index = 0;
    std::vector<KafkaTopic> topics;                            // the first that fits
    std::vector<std::pair<std::size_t, std::string>> headers;  // level → header name, by level
  };
  struct Route {
    Expression expression;
    std::size_t policy = 0;  // index into policies
  };

  std::string topic_key;   // setKV.topic; empty: not handed on
  std::string header_key;  // setKV.headers
  std::size_t match_index = 0;
  std::vector<Route> routes;  // the first that fits
  std::vector<Policy> policies;
  std::optional<OnNoMatch> on_no_match;  // as configured

  /// A mapper without routes maps nothing and refuses nothing.
  [[nodiscard]] bool is_empty() const noexcept { return routes.empty(); }
};

/// Reads a filter's map; what is wrong with it goes to its diagnostics, what could be read is returned.
[[nodiscard]] TopicMapperOptions read_topic_mapper(const config::Value& value);

}  // namespace mqttproxy::filters
