// The topics an ACL rule is about: topic filters with %c (client id), %u (user name) and %% for a percent sign, and how
// two topic filters relate.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mqttproxy/pipeline/context.hpp"

#include "placeholders.hpp"

namespace mqttproxy::filters {

class TopicPattern {
 public:
  /// nullopt with `problem` set when it is no topic filter or has another %.
  [[nodiscard]] static std::optional<TopicPattern> parse(std::string_view text, std::string& problem);

  /// The topic filter for this client, a view into the pattern or into `buffer`, which is reused. nullopt when a
  /// placeholder has no value that could stand in one level: missing or empty, with '/', '+' or '#', or with a '$' that
  /// would make the whole a topic of the server's [MQTT-4.7.2-1].
  [[nodiscard]] std::optional<std::string_view> expand(const pipeline::Client& client, std::string& buffer) const;

 private:
  std::vector<TemplatePart> parts_;
};

/// Whether every topic name that `filter` matches is matched by `wide` too. A topic name is a filter that matches
/// itself. A first '+' or '#' of `wide` does not cover names that begin with '$' [MQTT-4.7.2-1].
[[nodiscard]] bool covers(std::string_view wide, std::string_view filter) noexcept;

/// Whether there is a topic name that both match. Stricter than matching is: a first '+' or '#' of `barred` also means
/// names that begin with '$'.
[[nodiscard]] bool overlaps(std::string_view barred, std::string_view filter) noexcept;

}  // namespace mqttproxy::filters
