#include "expression.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include <re2/re2.h>

namespace mqttproxy::filters {

namespace {

/// Bounds the automata of one expression. Beyond it RE2 searches without its cache: slower, still linear.
constexpr std::int64_t kMaxRegexBytes = 1 << 20;

bool is_meta(char c) noexcept {
  return std::string_view("\\^$.|?*+()[]{}").find(c) != std::string_view::npos;
}

}  // namespace

std::optional<Expression::Literal> Expression::literal_of(std::string_view pattern) {
  Literal literal;
  if (pattern.starts_with('^')) {
    literal.at_start = true;
    pattern.remove_prefix(1);
  }
  if (pattern.ends_with('$')) {
    literal.at_end = true;
    pattern.remove_suffix(1);
  }
  // With an open end, a trailing "x*" or ".*" may always match nothing: "gate*" finds what "gat" finds, ".*" what ""
  // finds.
  while (!literal.at_end && pattern.size() >= 2 && pattern.back() == '*') {
    const char repeated = pattern[pattern.size() - 2];
    const bool one_byte = static_cast<unsigned char>(repeated) < 0x80U;
    if (!one_byte || (is_meta(repeated) && repeated != '.')) return std::nullopt;
    pattern.remove_suffix(2);
  }
  if (std::ranges::any_of(pattern, is_meta)) return std::nullopt;
  literal.text = pattern;
  return literal;
}

Expression::Expression(const std::string& pattern) : pattern_(pattern) {
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(kMaxRegexBytes);
  auto regex = std::make_unique<RE2>(pattern, options);
  if (!regex->ok()) throw std::invalid_argument(regex->error());
  if (auto literal = literal_of(pattern)) {
    literal_ = std::move(*literal);
  } else {
    regex_ = std::move(regex);
  }
}

Expression::Expression(Expression&&) noexcept = default;
Expression& Expression::operator=(Expression&&) noexcept = default;
Expression::~Expression() = default;

bool Expression::found_in(std::string_view text) const noexcept {
  if (!regex_) {
    if (literal_.at_start && literal_.at_end) return text == literal_.text;
    if (literal_.at_start) return text.starts_with(literal_.text);
    if (literal_.at_end) return text.ends_with(literal_.text);
    return text.find(literal_.text) != std::string_view::npos;
  }
  const re2::StringPiece piece(text.data(), text.size());
  return regex_->Match(piece, 0, piece.size(), RE2::UNANCHORED, nullptr, 0);
}

}  // namespace mqttproxy::filters
