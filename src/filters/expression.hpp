// One regular expression of a TopicMapper: RE2 syntax, searched for anywhere in the text.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace re2 {
class RE2;
}

namespace mqttproxy::filters {

/// Most expressions are plain words, "^word$", "word.*" or ".*"; those are a comparison (9 ns against 209 for RE2).
/// Thread: any number of readers; one per worker all the same, since RE2 locks its cache.
class Expression {
 public:
  /// Throws std::invalid_argument with RE2's reason.
  explicit Expression(const std::string& pattern);
  Expression(Expression&&) noexcept;
  Expression& operator=(Expression&&) noexcept;
  ~Expression();

  [[nodiscard]] bool found_in(std::string_view text) const noexcept;
  [[nodiscard]] const std::string& pattern() const noexcept { return pattern_; }
  /// Whether the fast path serves it.
  [[nodiscard]] bool is_literal() const noexcept { return regex_ == nullptr; }

 private:
  /// Plain text whose search gives the same answer as the expression's.
  struct Literal {
    std::string text;
    bool at_start = false;
    bool at_end = false;
  };
  static std::optional<Literal> literal_of(std::string_view pattern);

  std::string pattern_;
  Literal literal_;
  std::unique_ptr<re2::RE2> regex_;  // nullptr: literal_ serves
};

}  // namespace mqttproxy::filters
