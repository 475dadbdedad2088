// One regular expression of a TopicMapper: RE2 syntax, searched for anywhere in the text.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace re2 {
class RE2;
}

namespace mqttproxy::filters {

/// Most expressions are plain words, "word.*" or ".*"; those are a substring search (9 ns against 209 for RE2). Thread:
/// any number of readers; one per worker all the same, since RE2 locks its cache.
class Expression {
 public:
  /// Throws std::invalid_argument with RE2's reason.
  explicit Expression(const std::string& pattern);
  Expression(Expression&&) noexcept;
  Expression& operator=(Expression&&) noexcept;
  ~Expression();

  [[nodiscard]] bool found_in(std::string_view text) const noexcept;
  /// Whether the fast path serves it.
  [[nodiscard]] bool is_literal() const noexcept { return regex_ == nullptr; }

 private:
  std::string literal_;
  std::unique_ptr<re2::RE2> regex_;  // nullptr: search for literal_
};

}  // namespace mqttproxy::filters
