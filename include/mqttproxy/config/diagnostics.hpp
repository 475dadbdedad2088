// Everything that is wrong with a configuration, collected so that all of it is reported at once.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mqttproxy::config {

/// A place in the file, 1-based; line 0 means "the file as a whole".
struct Mark {
  int line = 0;
  int column = 0;
};

struct Problem {
  Mark mark;
  std::string path;  // "MQTTProxy mqttproxy: rules[0].when.packetType"
  std::string text;  // what is wrong, what is allowed
};

/// Owned by the caller of load(); filled by every reader and filter factory. Thread: main.
class Diagnostics {
 public:
  explicit Diagnostics(std::string file) : file_(std::move(file)) {}

  /// The same problem reported twice (two readers of one map, one build per worker) counts once.
  void error(Mark mark, std::string path, std::string text);
  /// Something legal that will surprise: printed, does not refuse the file.
  void warning(Mark mark, std::string path, std::string text);

  [[nodiscard]] bool ok() const noexcept { return errors_.empty(); }
  [[nodiscard]] const std::vector<Problem>& errors() const noexcept { return errors_; }
  [[nodiscard]] const std::vector<Problem>& warnings() const noexcept { return warnings_; }
  [[nodiscard]] const std::string& file() const noexcept { return file_; }

  /// One problem a line in the file's order: "file:line:column: path: text", each with its line break.
  [[nodiscard]] std::string format_errors() const;
  [[nodiscard]] std::string format_warnings() const;

 private:
  std::string file_;
  std::vector<Problem> errors_;
  std::vector<Problem> warnings_;
};

}  // namespace mqttproxy::config
