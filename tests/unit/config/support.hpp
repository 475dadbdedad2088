// What the tests of this room share.
#pragma once

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <unistd.h>
#include <yaml-cpp/yaml.h>

#include "mqttproxy/config/config.hpp"

namespace mqttproxy::config::test {

/// A file that goes away with the object.
class TempFile {
 public:
  explicit TempFile(std::string_view content) {
    static std::atomic<int> count{0};
    const std::string name = "mqttproxy-config-" + std::to_string(getpid()) + "-" + std::to_string(count++);
    path_ = std::filesystem::temp_directory_path() / name;
    write(content);
  }
  TempFile(const TempFile&) = delete;
  TempFile& operator=(const TempFile&) = delete;
  ~TempFile() { std::filesystem::remove(path_); }

  void write(std::string_view content) const { std::ofstream(path_, std::ios::binary) << content; }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// An environment variable that goes away with the object.
class Variable {
 public:
  Variable(std::string name, const std::string& content) : name_(std::move(name)) {
    setenv(name_.c_str(), content.c_str(), 1);
  }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;
  ~Variable() { unsetenv(name_.c_str()); }

 private:
  std::string name_;
};

struct Loaded {
  std::optional<Config> config;
  std::string errors;    // every line without the file's name
  std::string warnings;  // the same
};

inline std::string read_all(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

/// Loads `file` under a short name that the lines do not repeat.
inline Loaded load_file(const std::filesystem::path& file) {
  const auto diagnostics = std::make_shared<Diagnostics>("f");
  Loaded out;
  out.config = load(file, diagnostics);
  const auto strip = [](const std::string& lines) {
    std::string stripped;
    bool at_start = true;
    for (std::size_t i = 0; i < lines.size(); ++i) {
      if (at_start && lines.compare(i, 2, "f:") == 0) ++i, ++i;
      if (i < lines.size()) stripped += lines[i];
      at_start = lines[i] == '\n';
    }
    return stripped;
  };
  out.errors = strip(diagnostics->format_errors());
  out.warnings = strip(diagnostics->format_warnings());
  return out;
}

inline Loaded load_text(std::string_view yaml) {
  return load_file(TempFile(yaml).path());
}

/// The root of `yaml` as a Value with an empty path.
class Parsed {
 public:
  explicit Parsed(const std::string& yaml, std::string file = "f")
      : diagnostics_(std::move(file)), root_(YAML::Load(yaml)) {}

  [[nodiscard]] Value root() { return {root_, Mark{1, 1}, "", diagnostics_}; }
  /// The value of a map's only key.
  [[nodiscard]] Value only() { return Object(root()).entries().at(0).second; }
  [[nodiscard]] std::string errors() const { return diagnostics_.format_errors(); }
  [[nodiscard]] std::string warnings() const { return diagnostics_.format_warnings(); }
  [[nodiscard]] Diagnostics& diagnostics() { return diagnostics_; }

 private:
  Diagnostics diagnostics_;
  YAML::Node root_;
};

}  // namespace mqttproxy::config::test
