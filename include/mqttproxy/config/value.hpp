// Reading YAML strictly: a Value knows where it stands and what it is called, so that every error names file, line,
// column and key path. Readers report and return nullopt (or the default): the caller goes on, and all errors of a
// file come out together. `${NAME}` in any scalar is replaced by the environment variable ("$${" is a literal "${").
// Thread: main, at load and reload.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <yaml-cpp/yaml.h>

#include "mqttproxy/config/diagnostics.hpp"

namespace mqttproxy::config {

/// One YAML node with its key path. `mark` is the place of the key that names it (of the node itself in a list).
class Value {
 public:
  Value(const YAML::Node& node, Mark mark, std::string path, Diagnostics& diagnostics)
      : node_(node), mark_(mark), path_(std::move(path)), diagnostics_(&diagnostics) {}
  Value(const Value&) = default;
  /// Points this Value at the other's node. (YAML::Node's own assignment would overwrite the document instead.)
  Value& operator=(const Value& other);
  ~Value() = default;

  [[nodiscard]] bool is_null() const { return !node_.IsDefined() || node_.IsNull(); }
  [[nodiscard]] const YAML::Node& node() const noexcept { return node_; }
  [[nodiscard]] Mark mark() const noexcept { return mark_; }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] Diagnostics& diagnostics() const noexcept { return *diagnostics_; }
  void error(std::string text) const { diagnostics_->error(mark_, path_, std::move(text)); }
  void warning(std::string text) const { diagnostics_->warning(mark_, path_, std::move(text)); }

  [[nodiscard]] std::optional<std::string> as_string() const;
  /// A string that may stand elsewhere: "file:PATH" (relative to the configuration file) is replaced by the file's
  /// content without its last line break; an empty file is an error. Only a "file:" written in the document counts, so
  /// an environment variable's content is always taken as it is. Never echoed in errors.
  [[nodiscard]] std::optional<std::string> as_secret() const;
  /// The content of the file that the text names, relative to the configuration file; an error when it cannot be read
  /// or is longer than `max_bytes`. Never echoed in errors.
  [[nodiscard]] std::optional<std::string> as_file(std::size_t max_bytes) const;
  /// true, false, yes, no, on, off.
  [[nodiscard]] std::optional<bool> as_bool() const;
  /// Decimal digits with an optional "-", quoted or not; no leading zeros, fractions or exponents.
  [[nodiscard]] std::optional<std::int64_t> as_integer(
      std::int64_t min, std::int64_t max = std::numeric_limits<std::int64_t>::max()) const;
  /// Bytes: 4096, 64KiB, 8MiB, 1GiB.
  [[nodiscard]] std::optional<std::uint64_t> as_bytes(std::uint64_t min, std::uint64_t max) const;
  /// 500ms, 10s, 5m, 24h; a plain number is seconds.
  [[nodiscard]] std::optional<std::chrono::milliseconds> as_duration(std::chrono::milliseconds min,
                                                                     std::chrono::milliseconds max) const;
  /// One of `choices`, case-sensitive; the error lists them.
  [[nodiscard]] std::optional<std::string> as_choice(std::span<const std::string_view> choices) const;
  [[nodiscard]] std::vector<Value> as_list() const;               // error when it is no list
  [[nodiscard]] std::vector<std::string> as_string_list() const;  // a list of strings

 private:
  /// The scalar with its `${…}` replaced; an error naming what was `expected` when there is none.
  [[nodiscard]] std::optional<std::string> scalar(std::string_view expected) const;
  [[nodiscard]] std::optional<std::string> read_named(std::string_view name, std::size_t max_bytes) const;
  /// "expected …, found …": the scalar as written, so that the content of variables is not echoed.
  void mismatch(std::string_view expected) const;

  YAML::Node node_;
  Mark mark_;
  std::string path_;
  Diagnostics* diagnostics_;
};

/// A YAML map whose keys are asked for by name; finish() reports every key nobody asked for, with a "did you mean".
/// Repeated keys (the first one counts) and a node that is no map are reported on construction.
class Object {
 public:
  explicit Object(const Value& value);

  [[nodiscard]] const Value& value() const noexcept { return value_; }
  [[nodiscard]] bool valid() const noexcept { return valid_; }

  /// The value under `key` when it is there (also when null). Marks the key as known either way.
  [[nodiscard]] std::optional<Value> find(std::string_view key);
  /// As find, but null counts as absent.
  [[nodiscard]] std::optional<Value> find_set(std::string_view key);
  /// As find_set; an error at the map when it is missing, at the key when it is null.
  [[nodiscard]] std::optional<Value> require(std::string_view key);
  /// Every key with its value, in order, all marked as known: for maps with free keys.
  [[nodiscard]] std::vector<std::pair<std::string, Value>> entries();

  // find + conversion + default in one step; absent, null or wrong gives `fallback`.
  [[nodiscard]] std::string string_or(std::string_view key, std::string fallback);
  [[nodiscard]] bool bool_or(std::string_view key, bool fallback);
  [[nodiscard]] std::int64_t integer_or(std::string_view key, std::int64_t fallback, std::int64_t min,
                                        std::int64_t max);
  [[nodiscard]] std::uint64_t bytes_or(std::string_view key, std::uint64_t fallback, std::uint64_t min,
                                       std::uint64_t max);
  [[nodiscard]] std::chrono::milliseconds duration_or(std::string_view key, std::chrono::milliseconds fallback,
                                                      std::chrono::milliseconds min, std::chrono::milliseconds max);

  /// A key of old versions: an error with `hint` (today's key) when present.
  void obsolete(std::string_view key, std::string_view hint);
  /// A key that is accepted and means nothing here (documents of Easegress carry it).
  void ignore(std::string_view key);
  /// Reports every key nobody asked for. Numeric keys beside an empty `headers` (it should hold them) are reported
  /// once.
  void finish();

 private:
  struct Entry {
    std::string key;
    Value value;
    bool known = false;
  };
  [[nodiscard]] Entry* entry(std::string_view key);
  void report_unknown(const Entry& unknown) const;

  Value value_;
  bool valid_ = false;
  std::vector<Entry> entries_;
  std::vector<std::string> allowed_;  // asked for, in this order
  std::vector<std::string> ignored_;  // accepted, but nothing to recommend
};

}  // namespace mqttproxy::config
