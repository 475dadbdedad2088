// Where text comes from besides the document itself: environment variables and files.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

namespace mqttproxy::config {

/// Text, or why there is none. Problems never contain the text itself.
struct SourcedText {
  std::string text;
  std::string problem;  // empty: all is well

  [[nodiscard]] bool ok() const noexcept { return problem.empty(); }
};

/// Replaces every `${NAME}` in `raw` by that environment variable; "$${" gives a literal "${".
[[nodiscard]] SourcedText expand_environment(std::string_view raw);

/// The whole content of `file`, refused when it is longer than `max_bytes`.
[[nodiscard]] SourcedText read_file(const std::filesystem::path& file, std::size_t max_bytes);

}  // namespace mqttproxy::config
